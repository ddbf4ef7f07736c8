"""Reading a file tree: directories with their entries' metadata, small files in batches, large ones as streams.

Entries are read by descriptors relative to their open directory, never by a path that somebody could swap underneath. What
cannot be read is an `Unreadable` with the operating system's own words, and the rest goes on.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.volumes.entry import Entry, EntryType, XAttrs

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_END = 1 << 62
# No attributes, none for us, or gone.
_NOT_FOR_US = frozenset((errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA))


CHANGED = "it changed while it was read"


class Unreadable(NamedTuple):
    """An entry, or its content, that could not be read, or not as one consistent state."""

    path: bytes
    why: str  # "Permission denied", "changed while it was read"


class SmallFile(NamedTuple):
    entry: Entry | None  # None if it could not be read
    content: bytes
    why: str  # what is wrong with it; empty if nothing is


@dataclass(slots=True)
class OpenDirectory:
    """A directory that is being read; close it after its entries were read."""

    path: bytes
    fd: int
    entries: list[Entry]  # by name; directories and other files alike
    unreadable: list[Unreadable]

    def close(self) -> None:
        os.close(self.fd)


def open_directory(path: bytes, above: OpenDirectory | None = None) -> OpenDirectory:
    """All entries of a directory, sorted by the bytes of their names. Raises OSError if it cannot be listed.

    With `above`, its parent, `path` may be longer than the operating system takes.
    """
    start = os.path.basename(path) if above else path
    fd = os.open(start, _FLAGS | os.O_DIRECTORY, dir_fd=above.fd if above else None)
    try:
        entries, unreadable = [], []
        for raw in sorted(map(os.fsencode, os.listdir(fd))):
            try:
                entry, fault = _entry(raw, os.stat(raw, dir_fd=fd, follow_symlinks=False), fd)
            except FileNotFoundError:
                continue  # it went away between two looks: as if it had gone before
            except OSError as error:
                unreadable.append(Unreadable(os.path.join(path, raw), error.strerror or str(error)))
                continue
            entries.append(entry)
            if fault:
                unreadable.append(Unreadable(os.path.join(path, raw), fault))
    except BaseException:
        os.close(fd)
        raise
    return OpenDirectory(path, fd, entries, unreadable)


def open_directory_only(path: bytes) -> OpenDirectory:
    """A directory from which single named entries are to be read. Raises OSError."""
    return OpenDirectory(path, os.open(path, _FLAGS & ~os.O_NOFOLLOW | os.O_DIRECTORY), [], [])


def look_at(path: bytes) -> Entry:
    """The entry at an absolute path. Raises OSError."""
    directory = open_directory_only(os.path.dirname(path) or b"/")
    try:
        name = os.path.basename(path) or b"."
        return _whole(*_entry(name, os.stat(name, dir_fd=directory.fd, follow_symlinks=False), directory.fd))
    finally:
        directory.close()


def look_at_directory(path: bytes) -> Entry:
    """The directory at an absolute path, at the end of a symlink too, under the path's last name. Raises OSError."""
    directory = open_directory_only(path)
    try:
        return _whole(*_entry(b".", os.fstat(directory.fd), directory.fd))._replace(name=os.path.basename(path))
    finally:
        directory.close()


def _entry(name: bytes, found: os.stat_result, directory_fd: int) -> tuple[Entry, str]:
    """Everything but what only an open file tells: xattrs of regular files are read with their content.

    With it what is wrong with its attributes, or "".
    """
    entry_type = EntryType(stat.S_IFMT(found.st_mode))
    target = os.fsencode(os.readlink(name, dir_fd=directory_fd)) if entry_type is EntryType.SYMLINK else b""
    xattrs: XAttrs = ()
    fault = ""
    if entry_type is not EntryType.FILE:
        xattrs, fault = read_xattrs(b"/proc/self/fd/%d/%s" % (directory_fd, name))
    return make_entry(name, found, entry_type, target, xattrs), fault


def _whole(entry: Entry, fault: str) -> Entry:
    if fault:
        raise OSError(errno.EIO, fault)
    return entry


def make_entry(
    name: bytes, found: os.stat_result, entry_type: EntryType, target: bytes = b"", xattrs: XAttrs = ()
) -> Entry:
    is_device = entry_type in (EntryType.BLOCK_DEVICE, EntryType.CHARACTER_DEVICE)
    return Entry(
        name,
        entry_type,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_size if entry_type is EntryType.FILE else 0,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_ino,
        found.st_dev,
        found.st_nlink,
        found.st_rdev if is_device else 0,
        target,
        xattrs,
    )


def read_xattrs(file: int | bytes) -> tuple[XAttrs, str]:
    """Extended attributes, ACLs and security labels among them, sorted by name; none where they are not supported.

    What could not be read is said in the second part, which is "" if all is well.
    """
    follow = isinstance(file, int)  # a path is never followed, and of a descriptor Python takes no other word
    found: list[tuple[str, bytes]] = []
    try:
        names = sorted(os.listxattr(file, follow_symlinks=follow))
    except OSError as error:
        return (), "" if error.errno in _NOT_FOR_US else f"extended attributes: {error.strerror}"
    fault = ""
    for name in names:
        try:
            found.append((name, os.getxattr(file, name, follow_symlinks=follow)))
        except OSError as error:
            if error.errno not in _NOT_FOR_US:
                fault = f"attribute {name}: {error.strerror}"
    return tuple(found), fault


def read_small_files(directory: int, names: Iterable[bytes]) -> Iterator[SmallFile]:
    """Whole files of an open directory, one after the other.

    A file that changed while it was read is given as it was read, one whose attributes cannot be read without them, and both
    say so.
    """
    for name in names:
        try:
            fd = os.open(name, _FLAGS, dir_fd=directory)
            try:
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    yield SmallFile(None, b"", "it was replaced while the tree was read")
                    continue
                content = os.read(fd, before.st_size + 1)
                while len(content) != before.st_size and (more := os.read(fd, 1 << 20)):
                    content += more  # it grew, or the kernel gave less than asked
                xattrs, wrong = read_xattrs(fd)
                changed = len(content) != before.st_size and os.fstat(fd).st_size != before.st_size
            finally:
                os.close(fd)
        except FileNotFoundError:
            yield SmallFile(None, b"", "it vanished while the tree was read")
            continue
        except OSError as error:
            yield SmallFile(None, b"", error.strerror or str(error))
            continue
        entry = make_entry(name, before, EntryType.FILE, xattrs=xattrs)
        if len(content) != before.st_size:
            entry = entry._replace(size=len(content))
        wrong = CHANGED if changed else wrong
        yield SmallFile(_as_read(entry, wrong), content, wrong)


def _as_read(entry: Entry, wrong: str) -> Entry:
    """What was not read as it is has no change time: so the next backup does not take the file for unchanged."""
    return entry._replace(ctime=0) if wrong else entry


class FileStream:
    """A large file, read from its start to its end; holes are given as zeros without being read, or passed over."""

    def __init__(self, directory: OpenDirectory, seen: Entry) -> None:
        """Raises OSError."""
        self.path = os.path.join(directory.path, seen.name)
        self._name = seen.name
        self._fd = os.open(seen.name, _FLAGS, dir_fd=directory.fd)
        try:
            self._before = os.fstat(self._fd)
            self._xattrs, self._wrong = read_xattrs(self._fd)
        except BaseException:
            self.close()
            raise
        self._position = 0
        self._data_start = 0  # from here to `_data_end` the file holds data; before, back to `_position`, is a hole
        self._data_end = 0

    def readinto(self, target: memoryview) -> int:
        """Fills the start of `target` and returns how many bytes; 0 only at the end. Raises OSError."""
        count = min(self.hole(), len(target))
        if count:
            target[:count] = bytes(count)
        else:
            most = min(len(target), self._data_end - self._position)
            count = os.preadv(self._fd, [target[:most]], self._position)
        self._position += count
        return count

    def hole(self) -> int:
        """Bytes of the hole that is at the current position; 0 if there is data, or the end. Raises OSError."""
        if self._position >= self._data_end:
            self._data_start, self._data_end = self._next_data()
        return max(0, self._data_start - self._position)

    def skip(self, count: int) -> None:
        """Passes over `count` bytes of the `hole` without giving them."""
        self._position += count

    def _next_data(self) -> tuple[int, int]:
        """Where the next data begins and ends; for a file system without holes, and past the end, all that may follow."""
        if not stat.S_ISREG(self._before.st_mode):
            return self._position, _NO_END
        try:
            start = os.lseek(self._fd, self._position, os.SEEK_DATA)
            return start, os.lseek(self._fd, start, os.SEEK_HOLE)
        except OSError as error:
            end = os.fstat(self._fd).st_size if error.errno == errno.ENXIO else 0
            return max(end, self._position), _NO_END

    def finish(self) -> tuple[Entry, Unreadable | None]:
        """Closes the file: its entry with the size that was read, and the fault if it changed meanwhile or lacks attributes."""
        after, before = os.fstat(self._fd), self._before
        self.close()
        entry = make_entry(self._name, before, EntryType.FILE, xattrs=self._xattrs)
        entry = entry._replace(size=self._position, mode=stat.S_IFREG | stat.S_IMODE(before.st_mode))
        if stat.S_ISBLK(before.st_mode):
            return entry, None  # a device has no size or time that would tell of changes
        changed = (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or (
            self._position != before.st_size
        )
        wrong = CHANGED if changed else self._wrong
        return _as_read(entry, wrong), Unreadable(self.path, wrong) if wrong else None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
