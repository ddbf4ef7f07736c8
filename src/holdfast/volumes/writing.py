"""Writing a file tree back: every entry under its directory's descriptor, so that nothing can lead outside the target.

A file is written under a temporary name and renamed when it is whole, so no half-written one ever has its final name. Order for
each entry: content, owner, attributes (which need the right to write), mode (which a change of owner may clear), times last. A
directory gets its own after everything in it was written, because writing changes its times.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from typing import Self

from holdfast.volumes.entry import Entry, EntryType, XAttrs

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY_OF = b".holdfast-%d-"  # of a process
_ZERO_BLOCK = bytes(4096)  # of most file systems
_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
_CLEARED = ("system.posix_acl_", "user.")  # others belong to the system: security.selinux, say
_NONSENSE = (
    ValueError,
    OverflowError,
)  # from Python, for what no system call takes: a zero byte in a name, a number too large


class NewFile:
    """A file that is being written; `commit` gives it its name, `discard` removes it."""

    def __init__(self, directory: TargetDirectory, name: bytes, size: int) -> None:
        """`size`: bytes that it will have. Raises OSError."""
        self._directory = directory
        self._name = name
        self._temporary = directory.temporary_name()
        self._fd = os.open(self._temporary, _NEW_FILE, 0o600, dir_fd=directory.fd)
        self._size = size
        self._has_holes = False

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Puts data anywhere; several threads may at once. Blocks of zeros become holes. Raises OSError."""
        if len(data) < len(_ZERO_BLOCK):
            self.overwrite(data, offset)
            return
        view, total = memoryview(data), 0
        for start, end in _without_zeros(view, offset):
            self.overwrite(view[start:end], offset + start)
            total += end - start
        if total < len(view):
            self._has_holes = True

    def overwrite(self, data: bytes | memoryview, offset: int) -> None:
        """The same where something else was written before: zeros too. Raises OSError."""
        written = os.pwrite(self._fd, data, offset) if data else 0
        while written < len(data):
            written += os.pwrite(self._fd, data[written:], offset + written)

    def leave_hole(self) -> None:
        """Says that some of the file is not going to be written."""
        self._has_holes = True

    def commit(self, entry: Entry, *, as_owner: bool) -> list[str]:
        """The file under its name with all its metadata; returns what could not be set. Raises OSError."""
        if self._has_holes:
            os.ftruncate(self._fd, self._size)  # a hole at the end is not written by anything else
        failures = _set_metadata(self._fd, entry, as_owner=as_owner)
        os.close(self._fd)
        self._fd = -1
        self._directory.place(self._temporary, self._name)
        return failures

    def discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._directory.fd)


def _without_zeros(data: memoryview, position: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the stretches of `data` that are no blocks of zeros; it goes to `position` of its file.

    A part of a block at either end may be left out too: in a new file it is zero already.
    """
    size = len(_ZERO_BLOCK)
    first = -position % size  # where a block begins
    start = 0
    for begin in range(first - size if first else 0, len(data), size):
        block, end = max(begin, 0), min(begin + size, len(data))
        # Most blocks begin with something else, and are not copied to find out.
        if data[block] == 0 and data[block:end].tobytes() == _ZERO_BLOCK[: end - block]:
            if start < block:
                yield start, block
            start = end
    if start < len(data):
        yield start, len(data)


class TargetDirectory:
    """A directory that is being filled. Close it; `finish` before, to give it its own metadata."""

    _counter = secrets.randbits(40)
    """Begins anywhere: in containers all processes have the same few ids, and one that was killed left its files."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def root(cls, path: bytes) -> Self:
        """The directory at `path`, made if need be. Raises OSError."""
        os.makedirs(path, mode=0o700, exist_ok=True)
        return cls.existing(path)

    @classmethod
    def existing(cls, path: bytes) -> Self:
        """The directory at `path`, which must be there. Raises OSError."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def enter(self, name: bytes) -> TargetDirectory:
        """A directory below, made if need be; what else has its name (a symlink, say) gives way. Raises OSError."""
        try:
            os.mkdir(name, 0o700, dir_fd=self.fd)
        except FileExistsError:
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                os.unlink(name, dir_fd=self.fd)
                os.mkdir(name, 0o700, dir_fd=self.fd)
        return TargetDirectory(os.open(name, _DIRECTORY, dir_fd=self.fd))

    def special(self, entry: Entry, *, as_owner: bool) -> list[str]:
        """A symlink, fifo, socket or device. Returns what could not be set. Raises OSError."""
        temporary = self.temporary_name()
        try:
            if entry.type is EntryType.SYMLINK:
                os.symlink(entry.target, temporary, dir_fd=self.fd)
            else:
                os.mknod(temporary, entry.mode, entry.rdev, dir_fd=self.fd)
        except _NONSENSE as error:
            raise OSError(errno.EINVAL, str(error)) from error
        failures = self._set_special_metadata(temporary, entry, as_owner=as_owner)
        self.place(temporary, entry.name)
        return failures

    def link(self, name: bytes, root: TargetDirectory, other: bytes) -> None:
        """A hard link to a file that was written before, at the path `other` from `root`. Raises OSError."""
        temporary = self.temporary_name()
        os.link(other, temporary, src_dir_fd=root.fd, dst_dir_fd=self.fd, follow_symlinks=False)
        self.place(temporary, name)

    def make_empty_file(self, name: bytes) -> None:
        """Raises OSError, if the name is taken too."""
        os.close(os.open(name, _NEW_FILE, 0o600, dir_fd=self.fd))

    def names(self) -> list[bytes]:
        """Of all entries. Raises OSError."""
        return [os.fsencode(name) for name in os.listdir(self.fd)]

    def sweep(self, pids: Iterable[int]) -> None:
        """Removes what processes that are dead left under temporary names."""
        left = tuple(_TEMPORARY_OF % pid for pid in pids)
        with contextlib.suppress(OSError):
            for name in self.names():
                if name.startswith(left):
                    os.unlink(name, dir_fd=self.fd)

    def is_directory(self, name: bytes) -> bool:
        """Raises OSError."""
        return stat.S_ISDIR(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)

    def remove(self, name: bytes) -> None:
        """One entry, with all that is in it, however deep. Raises OSError."""
        if not self.is_directory(name):
            os.unlink(name, dir_fd=self.fd)
            return
        opened: list[tuple[TargetDirectory, bytes, Iterator[bytes]]] = []
        current, entry = self, name
        try:
            while True:
                if current.is_directory(entry):
                    below = TargetDirectory(os.open(entry, _DIRECTORY, dir_fd=current.fd))
                    opened.append((below, entry, iter(below.names())))
                else:
                    os.unlink(entry, dir_fd=current.fd)
                while (following := next(opened[-1][2], None)) is None:
                    emptied, own, _ = opened.pop()
                    emptied.close()
                    os.rmdir(own, dir_fd=opened[-1][0].fd if opened else self.fd)
                    if not opened:
                        return
                current, entry = opened[-1][0], following
        finally:
            for directory, *_ in opened:
                directory.close()

    def read(self, name: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
        """A file's content from its start, in parts of these sizes, and what is left as a last part. Raises OSError."""
        with os.fdopen(os.open(name, _READ, dir_fd=self.fd), "rb") as file:
            for size in sizes:
                yield file.read(size)
            rest = file.read()
            if rest:
                yield rest

    def finish(self, entry: Entry, *, as_owner: bool) -> list[str]:
        """Gives the directory its metadata; returns what could not be set."""
        return _set_metadata(self.fd, entry, as_owner=as_owner)

    def close(self) -> None:
        os.close(self.fd)

    def temporary_name(self) -> bytes:
        TargetDirectory._counter += 1
        return _TEMPORARY_OF % os.getpid() + b"%d" % TargetDirectory._counter

    def place(self, temporary: bytes, name: bytes) -> None:
        """Gives a finished entry its name; a directory of that name is in the way. Raises OSError."""
        try:
            os.rename(temporary, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=self.fd)
            raise

    def _set_special_metadata(self, name: bytes, entry: Entry, *, as_owner: bool) -> list[str]:
        failures: list[str] = []
        if as_owner:
            with _noting(failures, "owner"):
                os.chown(name, entry.uid, entry.gid, dir_fd=self.fd, follow_symlinks=False)
        if entry.type is not EntryType.SYMLINK:
            with _noting(failures, "mode"):
                os.chmod(name, stat.S_IMODE(entry.mode), dir_fd=self.fd)
        path = b"/proc/self/fd/%d/%s" % (self.fd, name)
        _set_xattrs(path, entry.xattrs, failures)
        with _noting(failures, "times"):
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=self.fd, follow_symlinks=False)
        return failures


def _set_metadata(fd: int, entry: Entry, *, as_owner: bool) -> list[str]:
    """What could not be set. Nearly always all can be, and is without ado; else each by itself tells."""
    try:
        if entry.xattrs or entry.mode & _PRIVILEGES or os.listxattr(fd):
            return _set_each(fd, entry, as_owner=as_owner)
        if as_owner:
            os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode & 0o7777)
        os.utime(fd, ns=(entry.mtime, entry.mtime))
    except (OSError, *_NONSENSE):
        return _set_each(fd, entry, as_owner=as_owner)
    return []


def _set_each(fd: int, entry: Entry, *, as_owner: bool) -> list[str]:
    failures: list[str] = []
    if as_owner:
        with _noting(failures, "owner"):
            os.fchown(fd, entry.uid, entry.gid)
    _set_xattrs(fd, entry.xattrs, failures)
    with _noting(failures, "mode"):
        os.fchmod(
            fd, _harmless_mode(os.fstat(fd), entry, failures) if entry.mode & _PRIVILEGES else entry.mode & 0o7777
        )
    with _noting(failures, "times"):
        os.utime(fd, ns=(entry.mtime, entry.mtime))
    return failures


def _harmless_mode(made: os.stat_result, entry: Entry, failures: list[str]) -> int:
    """Without the bits by which others would run a program as somebody that it was not meant for."""
    mode = stat.S_IMODE(entry.mode)
    for bit, is_owner, whose in (
        (stat.S_ISUID, made.st_uid == entry.uid, "user"),
        (stat.S_ISGID, made.st_gid == entry.gid, "group"),
    ):
        if mode & bit and not is_owner and entry.type is EntryType.FILE:
            mode &= ~bit
            failures.append(f"mode: not set-{whose}-ID, because the {whose} is another")
    return mode


def _set_xattrs(file: int | bytes, xattrs: XAttrs, failures: list[str]) -> None:
    """Those of the entry and no others: a directory may have had some before, and gives its default ACL to what is made in it."""
    follow = isinstance(file, int)  # a path is never followed, and of a descriptor Python takes no other word
    with contextlib.suppress(OSError):  # a file system without attributes has none to take away
        for name in {*os.listxattr(file, follow_symlinks=follow)} - {name for name, _ in xattrs}:
            if name.startswith(_CLEARED):
                with _noting(failures, f"attribute {name}, which was there before"):
                    os.removexattr(file, name, follow_symlinks=follow)
    for name, value in xattrs:
        with _noting(failures, f"attribute {name}"):
            os.setxattr(file, name, value, follow_symlinks=follow)


class _noting:  # noqa: N801 - reads as a word; a class, because generators cost three times as much
    """Turns what the operating system, or Python on the way to it, refuses into a line of `failures`."""

    def __init__(self, failures: list[str], what: str) -> None:
        self._failures = failures
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, (OSError, *_NONSENSE)):
            self._failures.append(f"{self._what}: {getattr(error, 'strerror', None) or error}")
            return True
        return False
