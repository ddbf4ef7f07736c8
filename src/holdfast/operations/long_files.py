"""Storing long files: a few threads take turns at reading and cutting, and each hashes, compresses and seals what it cut.

A part of a file stays in one thread's memory and processor cache from the read to the pack. The kernels let go of Python's
lock, so two threads use two processors.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.codec.chunker import MAX_SIZE, MIN_SIZE, Chunker, Cutter
from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.operations.frame import Frame
from holdfast.operations.helpers import put_unless_cancelled
from holdfast.repository.blob import Sealer
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import FileStream, Unreadable

_PART = 4 << 20
_WAITING = 64  # files; their directories stay open


class LongFile(NamedTuple):
    """What became of a file. `content` is None if it could not be read; `fault` may tell of a change besides."""

    frame: Frame
    entry: Entry
    content: list[BlobId] | None
    fault: Unreadable | None


@dataclass(slots=True)
class _Reading:
    """A file between its first read and its last blob."""

    frame: Frame
    entry: Entry
    stream: FileStream
    cutter: Cutter
    rest: bytes = b""  # read, and not cut yet
    content: list[BlobId | None] = field(default_factory=list)
    parts: int = 0  # that are being stored
    is_read: bool = False
    error: OSError | None = None
    is_probably_new: bool = True
    guard: threading.Lock = field(default_factory=threading.Lock)


class _Part(NamedTuple):
    file: _Reading
    buffer: bytearray
    lengths: list[int]  # of the chunks at its start
    place: int  # of the first one in the file's content


class LongFiles:
    """Takes files from one thread; `done` gets each as a LongFile, or an error, from any thread."""

    def __init__(
        self,
        writer: BlobWriter,
        key: SealingKey,
        chunker: Chunker,
        cancel: Cancel,
        progress: Progress,
        *,
        threads: int,
        done: Callable[[LongFile | BaseException], None],
    ) -> None:
        self._writer = writer
        self._key = key
        self._chunker = chunker
        self._cancel = cancel
        self._progress = progress
        self._done = done
        self._count = threads
        self._threads: list[threading.Thread] = []
        self._waiting: queue.Queue[tuple[Frame, Entry] | None] = queue.Queue(_WAITING)
        self._turn = threading.Lock()
        self._current: _Reading | None = None
        self._is_over = False
        self._hole: tuple[list[BlobId], BlobId] | None = None  # of the longest chunk's size, cut short, and whole

    def submit(self, frame: Frame, entry: Entry) -> None:
        """Stores the file soon; blocks while many wait. Raises Cancelled."""
        if not self._threads:
            for _ in range(self._count):
                thread = threading.Thread(target=self._work, name="holdfast-long-files", daemon=True)
                self._threads.append(thread)
                thread.start()
        put_unless_cancelled(self._waiting, (frame, entry), self._cancel)

    def close(self) -> None:
        """Ends the threads after the parts that they are at."""
        self._is_over = True
        if self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        if self._current is not None:
            self._current.stream.close()

    def _work(self) -> None:
        sealer = Sealer(self._key, MAX_SIZE)
        buffer = bytearray(_PART + MAX_SIZE)
        try:
            while (part := self._next_part(buffer)) is not None:
                self._store(part, sealer)
                self._finish_part(part.file)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._done(error)
            while not self._is_over:  # and `submit` must not wait for ever
                if self._waiting.get() is None:
                    break
            self._waiting.put(None)

    def _next_part(self, buffer: bytearray) -> _Part | None:
        """The next part of the file whose turn it is, in `buffer`; None when all is over."""
        with self._turn:
            while not self._is_over:
                file = self._current or self._next_file()
                if file is None:
                    return None
                self._current = file
                with file.guard:  # before it can be known to be read: whoever ends the last part finishes the file
                    file.parts += 1
                try:
                    part = self._read(file, buffer)
                except OSError as error:
                    file.error, file.is_read = error, True
                    part = _Part(file, buffer, [], 0)
                if file.is_read:
                    self._current = None
                return part
        return None

    def _next_file(self) -> _Reading | None:
        while (waiting := self._waiting.get()) is not None:
            frame, entry = waiting
            try:
                return _Reading(frame, entry, FileStream(frame.opened, entry), self._chunker.cutter())
            except OSError as error:
                self._done(LongFile(frame, entry, None, _fault(frame, entry, error)))
        self._waiting.put(None)  # for the other threads
        return None

    def _read(self, file: _Reading, buffer: bytearray) -> _Part:
        place = len(file.content)
        if not file.rest and (holes := file.stream.hole() // MAX_SIZE):
            file.stream.skip(holes * MAX_SIZE)
            file.content.extend(self._zeros(holes))
            self._progress.advance(0, holes * MAX_SIZE)
            return _Part(file, buffer, [], place)
        filled = len(file.rest)
        end = filled + _PART
        is_cut_off = False
        with memoryview(buffer) as view:
            view[:filled] = file.rest
            while filled < end:
                if filled and file.stream.hole() >= MAX_SIZE:
                    is_cut_off = True  # the chunk ends here, so that the hole can be passed over
                    break
                count = file.stream.readinto(view[filled:end])
                if not count:
                    file.is_read = True
                    break
                filled += count
            with view[:filled] as content:
                lengths = file.cutter.cut(content, is_end=file.is_read or is_cut_off)
                file.rest = bytes(content[sum(lengths) :])
        file.content.extend([None] * len(lengths))
        return _Part(file, buffer, lengths, place)

    def _store(self, part: _Part, sealer: Sealer) -> None:
        start = 0
        for place, length in enumerate(part.lengths, part.place):
            self._cancel.check()
            part.file.content[place] = self._store_chunk(part.file, part.buffer, start, start + length, sealer)
            start += length
            self._progress.advance(0, length)

    def _store_chunk(self, file: _Reading, buffer: bytearray, start: int, end: int, sealer: Sealer) -> BlobId:
        """Where new content is likely it is sealed first, which saves a digest; else it is looked up first."""
        if file.is_probably_new:
            sealed = sealer.seal(buffer, start, end)
            file.is_probably_new = self._writer.claim(BlobType.DATA, [sealed.id])[0]
            if file.is_probably_new:
                self._writer.add(BlobType.DATA, [sealed])
            return sealed.id
        with memoryview(buffer) as view:
            blob_id = BlobId.of(view[start:end])
        file.is_probably_new = self._writer.claim(BlobType.DATA, [blob_id])[0]
        if file.is_probably_new:
            sealed = sealer.seal(buffer, start, end)
            if sealed.id != blob_id:
                raise DamagedData(f"blob {blob_id.short} is damaged", why="its content changed in memory")
            self._writer.add(BlobType.DATA, [sealed])
        return blob_id

    def _finish_part(self, file: _Reading) -> None:
        with file.guard:  # not the turn, in which another thread may be waiting for the next file
            file.parts -= 1
            if file.parts or not file.is_read:
                return
        fault, entry = None, file.entry
        try:
            if file.error is None:
                entry, fault = file.stream.finish()
        except OSError as error:
            file.error = error
        finally:
            file.stream.close()
        if file.error is not None:
            self._done(LongFile(file.frame, file.entry, None, _fault(file.frame, file.entry, file.error)))
        else:
            content = [blob_id for blob_id in file.content if blob_id is not None]
            self._done(LongFile(file.frame, entry, content, fault))

    def _zeros(self, holes: int) -> list[BlobId]:
        """The content of so many holes of the longest chunk's size. The first one is cut as restic cuts zeros: a file with such a
        blob is one that it restores with holes, if asked to.
        """
        if self._hole is None:
            short, long = (self._writer.save(BlobType.DATA, bytes(size)) for size in (MIN_SIZE, MAX_SIZE))
            self._hole = [short] * (MAX_SIZE // MIN_SIZE), long
        first, long = self._hole
        return [*first, *[long] * (holes - 1)]


def _fault(frame: Frame, entry: Entry, error: OSError) -> Unreadable:
    path = frame.opened.path + b"/" + entry.name
    return Unreadable(path, error.strerror or str(error))
