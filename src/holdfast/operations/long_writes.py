"""Writing long files: a few threads take blobs of whatever files are being written, open them and put them in their places."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.codec.chunker import MAX_SIZE
from holdfast.codec.crypto import OVERHEAD
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.operations.helpers import put_unless_cancelled
from holdfast.operations.nodes import check_size
from holdfast.operations.processors import processors
from holdfast.operations.restore_frame import RestoreFrame
from holdfast.repository.blob import Opener
from holdfast.repository.index import BlobLocation
from holdfast.repository.pack import BlobType, PackedBlob
from holdfast.repository.repository import Repository
from holdfast.volumes.entry import Entry
from holdfast.volumes.writing import NewFile

_WAITING = 64  # runs, of which only the places are in memory
_LONGEST_RUN = 8 << 20  # bytes
_MORE_THREADS = 2
"""Than processors: some wait for the store while others compute."""


class _Run(NamedTuple):
    """Blobs of one file that lie side by side in a pack, to be read at once."""

    blobs: list[BlobLocation]
    offset: int  # of the first one in the file

    def is_followed_by(self, location: BlobLocation) -> bool:
        first, last = self.blobs[0], self.blobs[-1]
        blob = location.blob
        return (
            location.pack == last.pack
            and blob.offset == last.blob.offset + last.blob.length
            and blob.offset + blob.length - first.blob.offset <= _LONGEST_RUN
        )


@dataclass(slots=True)
class LongWrite:
    """A file that is being written, and what became of it."""

    frame: RestoreFrame
    entry: Entry
    file: NewFile
    content: list[BlobId]
    missing: int  # runs that are on their way
    guard: threading.Lock = field(default_factory=threading.Lock)
    damage: DamagedData | None = None
    error: OSError | None = None
    unset: list[str] = field(default_factory=list)
    is_different: bool = False  # when it was read back
    is_done: bool = False  # for the thread that submitted it

    @property
    def is_there(self) -> bool:
        """Whether the file has its name."""
        return self.damage is None and self.error is None


class LongWrites:
    """Takes files from one thread; `done` gets each when it is in its place or given up, or an error, from any thread."""

    def __init__(
        self,
        repository: Repository,
        cancel: Cancel,
        progress: Progress,
        *,
        as_owner: bool,
        verify: bool,
        done: Callable[[LongWrite | BaseException], None],
    ) -> None:
        self._reader = repository.reader
        self._key = repository.key
        self._cancel = cancel
        self._progress = progress
        self._as_owner = as_owner
        self._verify = verify
        self._done = done
        self._count = processors() + _MORE_THREADS
        self._threads: list[threading.Thread] = []
        self._waiting: queue.Queue[tuple[LongWrite, _Run] | None] = queue.Queue(_WAITING)
        self._files: dict[int, LongWrite] = {}  # that were begun, and are not in their places

    def submit(self, frame: RestoreFrame, entry: Entry, content: Sequence[BlobId]) -> LongWrite:
        """Writes the file soon; blocks while many runs wait.

        Raises OSError; DamagedData if a blob is not to be found, or if they do not add up to the file's size; Cancelled.
        """
        if not self._threads:
            for _ in range(self._count):
                thread = threading.Thread(target=self._work, name="holdfast-long-writes", daemon=True)
                self._threads.append(thread)
                thread.start()
        locations = [self._reader.locate(BlobType.DATA, blob_id) for blob_id in content]
        runs, size = _runs(locations)
        check_size(entry.size, size)
        write = LongWrite(frame, entry, NewFile(frame.target, entry.name, size), list(content), len(runs))
        self._files[id(write)] = write
        for run in runs:
            put_unless_cancelled(self._waiting, (write, run), self._cancel)
        return write

    def close(self) -> None:
        """Ends the threads after the blobs that they are at; files that are not whole leave nothing behind."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        for write in self._files.values():
            write.file.discard()

    def _work(self) -> None:
        """After a fault blobs are still taken, unread: else `submit` would wait for ever."""
        opener = Opener(self._key, MAX_SIZE + OVERHEAD)
        is_sound = True
        while (waiting := self._waiting.get()) is not None:
            if not is_sound:
                continue
            try:
                self._cancel.check()  # before a run is read; between its blobs again
                self._take(*waiting, opener)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                is_sound = False
                self._done(error)

    def _take(self, write: LongWrite, run: _Run, opener: Opener) -> None:
        if write.damage is None and write.error is None:
            try:
                self._put(write.file, run, opener)
            except DamagedData as error:
                write.damage = error
            except OSError as error:
                write.error = error
        with write.guard:
            write.missing -= 1
            if write.missing:
                return
        self._finish(write)

    def _put(self, file: NewFile, run: _Run, opener: Opener) -> None:
        offset = run.offset
        is_needed = not all(map(_is_hole, run.blobs))
        sealed = self._reader.read_sealed_run(run.blobs) if is_needed else None
        start = run.blobs[0].blob.offset
        for location in run.blobs:
            self._cancel.check()
            blob = location.blob
            if _is_hole(location):
                file.leave_hole()
            else:
                body = sealed and sealed[blob.offset - start : blob.offset - start + blob.length]
                self._put_blob(file, blob, body, offset, opener)
            offset += blob.content_size
            self._progress.advance(0, blob.content_size)

    def _put_blob(
        self, file: NewFile, blob: PackedBlob, sealed: memoryview | None, offset: int, opener: Opener
    ) -> None:
        """Writes before the last part is proved: a file gets its name only when all of it is."""
        start = offset
        try:
            if sealed is None:
                raise DamagedData(f"blob {blob.id.short} cannot be read")
            for part in opener.open(blob.id, sealed, blob.plain_length):
                file.write(part, start)
                start += len(part)
        except DamagedData:
            content = self._reader.load(BlobType.DATA, blob.id)  # if it, or another copy, can be read alone
            file.overwrite(content, offset)

    def _finish(self, write: LongWrite) -> None:
        if write.damage is None and write.error is None:
            try:
                write.unset = write.file.commit(write.entry, as_owner=self._as_owner)
                if self._verify:
                    write.is_different = not self._is_same(write)
            except OSError as error:
                write.error = error
        if write.damage is not None or write.error is not None:
            write.file.discard()
        del self._files[id(write)]
        self._done(write)

    def _is_same(self, write: LongWrite) -> bool:
        sizes = (self._reader.content_size(BlobType.DATA, blob_id) for blob_id in write.content)
        parts = write.frame.target.read(write.entry.name, sizes)
        return [BlobId.of(part) for part in parts] == write.content


def _runs(locations: Sequence[BlobLocation]) -> tuple[list[_Run], int]:
    """The runs of a file, and its size in bytes."""
    runs: list[_Run] = []
    size = 0
    for location in locations:
        if runs and runs[-1].is_followed_by(location):
            runs[-1].blobs.append(location)
        else:
            runs.append(_Run([location], size))
        size += location.blob.content_size
    return runs, size


def _is_hole(location: BlobLocation) -> bool:
    """Whether the blob is the one that stands for a hole of the longest chunk's size."""
    return location.blob.content_size == MAX_SIZE and location.blob.id == _id_of_zeros()


@functools.cache
def _id_of_zeros() -> BlobId:
    return BlobId.of(bytes(MAX_SIZE))
