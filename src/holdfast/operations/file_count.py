"""Counting the files of trees beside a backup of them: a program of its own, of the lowest priority, that mostly rests.

As a thread it would take turns at Python's lock with the backup, once for every file, which costs far more than the counting.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from holdfast.volumes.selection import FileSelection, select

_RESTS = 49
"""Times as long as it worked, it rests: it takes a fiftieth of one processor."""

_ONCE = 0.002
"""Seconds of work between two rests."""

_UNWATCHED = 16
"""Files after which it looks at the time."""


class Question(msgspec.Struct, array_like=True, frozen=True):
    """What is to be counted; texts as bytes, because they need not be UTF-8."""

    paths: list[bytes]
    excludes: list[bytes]
    includes: list[bytes]
    one_file_system: bool
    patterns_from: bytes = b""


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """One line of the program's output."""

    files: int
    bytes: int | None


def count(
    paths: Sequence[bytes],
    selection: FileSelection,
    *,
    patterns_from: bytes = b"",
    cpu_time: Callable[[], float] = time.process_time,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[Answer]:
    """Files first, then with their bytes: of many small ones the bytes would come too late, and cost four times as much.

    Files in caches are counted too; what cannot be read is passed by. Patterns are applied to what comes after `patterns_from`
    in a path.
    """
    for with_sizes in (False, True):
        files, size = 0, 0
        for found in _resting(_walk(paths, selection, patterns_from, with_sizes=with_sizes), cpu_time, rest):
            files += 1
            size += found
        yield Answer(files, size if with_sizes else None)


def size_of(path: bytes, found: os.stat_result) -> int:
    """Of a file, or of the content of a block device. Raises OSError."""
    if not stat.S_ISBLK(found.st_mode):
        return found.st_size
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def _resting(sizes: Iterable[int], cpu_time: Callable[[], float], rest: Callable[[float], None]) -> Iterator[int]:
    began = cpu_time()
    for number, size in enumerate(sizes):
        yield size
        if number % _UNWATCHED == 0 and (worked := cpu_time() - began) >= _ONCE:
            rest(_RESTS * worked)
            began = cpu_time()


def _walk(paths: Sequence[bytes], selection: FileSelection, patterns_from: bytes, *, with_sizes: bool) -> Iterator[int]:
    """The size, or 0, of each file."""
    for path in paths:
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                yield from _below(path, found.st_dev, selection, len(patterns_from), with_sizes=with_sizes)
            else:
                yield size_of(path, found)


def _below(root: bytes, device: int, selection: FileSelection, start: int, *, with_sizes: bool) -> Iterator[int]:
    """Patterns are applied to paths from their byte `start` on."""
    waiting = [root]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                is_directory = entry.is_dir(follow_symlinks=False)
                if selection.has_patterns and not selection.keeps(entry.path[start:], is_directory=is_directory):
                    continue
                if is_directory:
                    if not selection.one_file_system or entry.stat(follow_symlinks=False).st_dev == device:
                        waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.stat(follow_symlinks=False).st_size if with_sizes else 0


def main() -> None:
    os.nice(19)
    asker = os.getppid()

    def rest(seconds: float) -> None:
        time.sleep(seconds)
        if os.getppid() != asker:
            sys.exit()

    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Question)
    selection = select(
        list(map(os.fsdecode, asked.excludes)),
        includes=list(map(os.fsdecode, asked.includes)),
        one_file_system=asked.one_file_system,
    )
    with contextlib.suppress(BrokenPipeError):
        for answer in count(asked.paths, selection, patterns_from=asked.patterns_from, rest=rest):
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
