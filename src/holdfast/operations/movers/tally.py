"""How far all movers of a run are together, for people who wait."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.model.progress import Progress
from holdfast.operations.movers.contract import Moved, Told
from holdfast.operations.movers.task import MoverTask


@dataclass(slots=True)
class _Counts:
    files: int = 0
    bytes: int = 0
    total_files: int = 0  # 0: unknown
    total_bytes: int = 0
    has_ended: bool = False


class Tally:
    """Thread-safe. What is done only grows: another try of a mover counts from where the one before it had come."""

    def __init__(self, progress: Progress, tasks: Iterable[MoverTask]) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._counts = {task.name: _Counts(total_bytes=task.bytes) for task in tasks}
        self._expected: tuple[int | None, int | None] = (None, None)
        self._expect()

    def told(self, task: MoverTask, told: Told) -> None:
        with self._lock:
            counts = self._counts[task.name]
            counts.total_files = told.total_files or counts.total_files
            counts.total_bytes = told.total_bytes or counts.total_bytes
            self._expect()
            self._advance(counts, told.files, told.bytes)

    def ended(self, task: MoverTask, moved: Moved | None) -> None:
        """Whatever was expected of it beyond what it did is not coming any more."""
        with self._lock:
            counts = self._counts[task.name]
            if moved is not None:
                self._advance(counts, moved.files, moved.bytes)
            counts.total_files, counts.total_bytes, counts.has_ended = counts.files, counts.bytes, True
            self._expect()

    def _advance(self, counts: _Counts, files: int, size: int) -> None:
        more_files, more_bytes = max(0, files - counts.files), max(0, size - counts.bytes)
        counts.files += more_files
        counts.bytes += more_bytes
        if more_files or more_bytes:
            self._progress.advance(more_files, more_bytes)

    def _expect(self) -> None:
        """The sum, if all is known of what it adds up."""
        all_ = self._counts.values()
        files = sum(one.total_files for one in all_) if all(one.total_files or one.has_ended for one in all_) else None
        size = sum(one.total_bytes for one in all_) if all(one.total_bytes or one.has_ended for one in all_) else None
        if (files, size) != self._expected:
            self._expected = files, size
            self._progress.expect(files, size)
