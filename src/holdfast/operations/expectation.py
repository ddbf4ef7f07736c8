"""How much a backup of files will read, told to a Progress while it reads: an estimate, which costs the backup next to nothing.

The newest backup of the same paths had about as much. Without one, a file system that is backed up from its root says how much it
holds; and if the backup takes longer than a few seconds, a thread counts, and rests so much that the backup does not notice.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from holdfast.model.progress import Progress
from holdfast.repository.snapshot import Summary
from holdfast.volumes.selection import FileSelection

_PATIENCE = 3.0
"""Seconds of a backup after which it is worth counting."""

_RESTS = 99
"""Times as long as it worked, the count rests: it takes a hundredth of one thread."""

_ONCE = 0.002
"""Seconds of work between two rests."""

_UNWATCHED = 16
"""Files after which it looks at the time."""


class Totals(NamedTuple):
    """`files` is None where a file system counts none."""

    files: int | None
    bytes: int


class Expectation:
    """A context around the reading. Nothing is told after its end, and nothing is done if nobody looks."""

    def __init__(
        self,
        progress: Progress,
        paths: Sequence[bytes],
        selection: FileSelection,
        earlier: Summary | None,
        *,
        cpu_time: Callable[[], float] = time.thread_time,
        rest: Callable[[float], bool] | None = None,
    ) -> None:
        """`earlier` is of the newest backup of the same paths. `rest` waits, and says whether the end has come."""
        self._progress = progress
        self._paths = paths
        self._selection = selection
        self._earlier = earlier
        self._cpu_time = cpu_time
        self._is_over = threading.Event()
        self._rest = rest or self._is_over.wait
        self._bytes: int | None = None  # a first estimate
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if not self._progress.wants_totals:
            return self
        if self._earlier is not None:
            self._progress.expect(self._earlier.total_files_processed, self._earlier.total_bytes_processed)
            return self
        if not self._selection.has_patterns and (held := _sum(map(_held, self._paths))) is not None:
            self._progress.expect(*held)
            self._bytes = held.bytes
        self._thread = threading.Thread(target=self._count, name="holdfast-expectation", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()  # it looks at the end after every entry

    def _count(self) -> None:
        """Files first: of many small ones the sizes would come too late, and cost as much as six times their number."""
        if self._rest(_PATIENCE):
            return
        for with_sizes in (False, True):
            files, size = 0, 0
            for found in self._resting(self._walk(with_sizes=with_sizes)):
                files += 1
                size += found
            if self._is_over.is_set():
                return
            self._progress.expect(files, size if with_sizes else self._bytes)

    def _resting(self, sizes: Iterable[int]) -> Iterator[int]:
        began = self._cpu_time()
        for number, size in enumerate(sizes):
            yield size
            if number % _UNWATCHED == 0 and (worked := self._cpu_time() - began) >= _ONCE:
                if self._rest(_RESTS * worked):
                    self._is_over.set()
                    return
                began = self._cpu_time()

    def _walk(self, *, with_sizes: bool) -> Iterator[int]:
        """The size, or 0, of each file that will be backed up; also of files in caches, not of what cannot be read."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                found = os.lstat(path)
                if stat.S_ISDIR(found.st_mode):
                    yield from self._below(path, found.st_dev, with_sizes=with_sizes)
                else:
                    yield _size(path, found)

    def _below(self, root: bytes, device: int, *, with_sizes: bool) -> Iterator[int]:
        waiting = [root]
        while waiting and not self._is_over.is_set():
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if self._is_over.is_set():
                        return
                    is_directory = entry.is_dir(follow_symlinks=False)
                    if self._selection.has_patterns and not self._selection.keeps(
                        entry.path, is_directory=is_directory
                    ):
                        continue
                    if is_directory:
                        if not self._selection.one_file_system or entry.stat(follow_symlinks=False).st_dev == device:
                            waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.stat(follow_symlinks=False).st_size if with_sizes else 0


def _held(path: bytes) -> Totals | None:
    """What is at the path, as far as one look tells: of a whole file system what is in use, directories counted as files."""
    with contextlib.suppress(OSError):
        if os.path.ismount(path):
            found = os.statvfs(path)
            inodes = found.f_files - found.f_ffree if found.f_files else None
            return Totals(inodes, (found.f_blocks - found.f_bfree) * found.f_frsize)
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return Totals(1, _size(path, status))
    return None


def _size(path: bytes, found: os.stat_result) -> int:
    """Of a file, or of the content of a block device. Raises OSError."""
    if not stat.S_ISBLK(found.st_mode):
        return found.st_size
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def _sum(parts: Iterable[Totals | None]) -> Totals | None:
    """None if a part is not known; without a number of files if one has none."""
    files: int | None = 0
    size = 0
    for part in parts:
        if part is None:
            return None
        files = None if files is None or part.files is None else files + part.files
        size += part.bytes
    return Totals(files, size)
