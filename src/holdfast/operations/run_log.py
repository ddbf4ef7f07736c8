"""What a run tells while it goes on, passed on to its user and kept for its report."""

from __future__ import annotations

import threading

from holdfast.model.clock import Clock
from holdfast.model.progress import Progress
from holdfast.model.run import timestamp

_MOST_LINES = 10_000
"""A log is read by people; past this only the end would be read, and memory must stay bounded."""


class RunLog:
    """A Progress that remembers its phases, notes and warnings with their times."""

    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._progress = progress
        self._clock = clock
        self._guard = threading.Lock()
        self._lines: list[str] = []
        self._dropped = 0

    @property
    def wants_totals(self) -> bool:
        return self._progress.wants_totals

    def phase(self, name: str, total: int | None = None, size: int | None = None) -> None:
        self._keep("phase", name)
        self._progress.phase(name, total, size)

    def expect(self, total: int | None, size: int | None) -> None:
        self._progress.expect(total, size)

    def advance(self, count: int = 1, size: int = 0) -> None:
        self._progress.advance(count, size)

    def note(self, message: str) -> None:
        self._keep("note", message)
        self._progress.note(message)

    def warn(self, message: str) -> None:
        self._keep("warning", message)
        self._progress.warn(message)

    def record(self, message: str) -> None:
        """A line for the report only: its user is told another way."""
        self._keep("error", message)

    def text(self) -> str:
        """The log as its report keeps it: one line each, `time level message`."""
        with self._guard:
            tail = [f"… {self._dropped} more lines"] if self._dropped else []
            return "\n".join([*self._lines, *tail, ""])

    def _keep(self, level: str, message: str) -> None:
        line = f"{timestamp(self._clock.now())} {level} {message}"
        with self._guard:
            if len(self._lines) < _MOST_LINES:
                self._lines.append(line)
            else:
                self._dropped += 1
