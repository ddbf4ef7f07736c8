"""Storing small files in batches, on all processors: helpers take them once they are ready, this process until then."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.codec.crypto import SealingKey
from holdfast.operations.file_batch import Stored, Wanted, read_batch, seal_batch
from holdfast.operations.file_process import FileProcess
from holdfast.operations.frame import Frame
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry

BATCH_FILES = 128
BATCH_BYTES = 2 << 20
BATCH_DIRECTORIES = 32
_FIRST_BATCHES = 2
"""Batches after which helpers are started; for fewer files they would come too late."""


@dataclass(slots=True)
class Batch:
    """Files of a few directories that are stored together."""

    frames: list[Frame] = field(default_factory=list)
    files: list[tuple[Frame, Entry]] = field(default_factory=list)
    bytes: int = 0

    def add(self, frame: Frame, entry: Entry) -> None:
        if not self.frames or self.frames[-1] is not frame:
            self.frames.append(frame)
        self.files.append((frame, entry))
        self.bytes += entry.size

    @property
    def is_full(self) -> bool:
        return len(self.files) >= BATCH_FILES or self.bytes >= BATCH_BYTES or len(self.frames) >= BATCH_DIRECTORIES

    def wanted(self) -> list[Wanted]:
        files, place, current = [], -1, None
        for frame, entry in self.files:
            if frame is not current:
                place, current = place + 1, frame
            files.append(Wanted(place, entry.name))
        return files

    def descriptors(self) -> list[int]:
        return [frame.opened.fd for frame in self.frames]


class SmallFiles:
    """Takes batches from one thread; `done` gets (batch, what became of its files) or an error, from any thread."""

    def __init__(
        self,
        writer: BlobWriter,
        key: SealingKey,
        *,
        processes: int,
        done: Callable[[tuple[Batch, Sequence[Stored]] | BaseException], None],
    ) -> None:
        self._writer = writer
        self._key = key
        self._count = processes
        self._done = done
        self._submitted = 0
        self._helpers: list[FileProcess] = []
        self._threads: list[threading.Thread] = []
        self._are_ready = threading.Event()
        # As many wait as are being worked on: no helper is idle, and little memory is bound.
        self._waiting: queue.Queue[Batch | None] = queue.Queue(maxsize=max(1, processes))

    def submit(self, batch: Batch) -> None:
        """Stores the batch, at once or soon; blocks while enough of them wait."""
        self._submitted += 1
        if self._submitted == _FIRST_BATCHES + 1 and self._count:
            self._start_helpers()
        if self._are_ready.is_set():
            self._waiting.put(batch)
        else:
            self._store_here(batch)

    def close(self) -> None:
        """Ends helpers and threads, also in the middle of their work."""
        for helper in self._helpers:
            helper.close()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _start_helpers(self) -> None:
        self._helpers = [FileProcess(self._key) for _ in range(self._count)]
        for helper in self._helpers:
            thread = threading.Thread(target=self._serve, args=(helper,), name="holdfast-files", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _store_here(self, batch: Batch) -> None:
        hashed = read_batch(batch.wanted(), batch.descriptors())
        claimed = self._writer.claim(BlobType.DATA, hashed.ids)
        self._writer.add(BlobType.DATA, seal_batch(self._key, hashed, claimed))
        self._done((batch, hashed.stored))

    def _serve(self, helper: FileProcess) -> None:
        """One helper's thread. After a fault it goes on taking batches, unread: else `submit` would wait for ever."""
        is_sound = True
        try:
            helper.wait_ready()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            is_sound = False
            self._done(error)
        self._are_ready.set()
        while (batch := self._waiting.get()) is not None:
            if not is_sound:
                continue
            try:
                stored = helper.store(batch.wanted(), batch.descriptors(), self._writer)
            except BaseException as error:  # noqa: BLE001 - as above
                is_sound = False
                self._done(error)
            else:
                self._done((batch, stored))
