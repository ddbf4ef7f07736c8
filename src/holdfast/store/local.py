"""A directory as a store, in restic's plain layout: a file's name is its path below the root.

A file becomes visible in four steps, in this order: written under a temporary name beside its place, fsynced, renamed
(`create`: linked), the directory fsynced. A crash between any two of them leaves no file or a whole one, and perhaps a
temporary file that no listing shows. Nothing removes such left-overs.

Directories are made when a file needs them and are not removed. Names, owners and times of files are not kept.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from holdfast.errors import FileExists, FileMissing, StoreError, StoreRefused, StoreUnavailable
from holdfast.store.base import Part, StoredFile
from holdfast.store.names import checked, is_name
from holdfast.store.ranges import start_of_range, too_short

# restic's own modes: what a repository holds is nobody else's business, encrypted or not.
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700

# Network file systems and exhausted tables of open files: another try may succeed.
_PASSING = frozenset({errno.EAGAIN, errno.ETIMEDOUT, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_NEXT = {
    errno.ENOSPC: "Free some space, or move the repository to a larger disk. Nothing was half-written.",
    errno.EDQUOT: "Raise the quota, or free some space. Nothing was half-written.",
    errno.EACCES: "Give this user the right to read and write the directory.",
    errno.EPERM: "Give this user the right to read and write the directory.",
    errno.EROFS: "Mount the file system for writing.",
}


class LocalStore:
    """Files below `root`, which need not exist yet. Several processes, restic too, may use it at once."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def url(self) -> str:
        return str(self._root)

    def put(self, name: str, parts: Sequence[Part]) -> None:
        path = self._path(name)
        try:
            with _written(path, parts) as temporary:
                os.replace(temporary, path)  # noqa: PTH105 - plain paths on the way that every pack takes
            _sync_directory(path.parent)
        except OSError as error:
            raise self._error("write", name, error) from error

    def create(self, name: str, parts: Sequence[Part]) -> None:
        """As the contract says. Needs a file system with hard links, the only atomic way to take a free name."""
        path = self._path(name)
        try:
            with _written(path, parts) as temporary:
                try:
                    os.link(temporary, path)
                except FileExistsError as error:
                    raise FileExists(f"{name} exists already in {self.url}") from error
            _sync_directory(path.parent)
        except OSError as error:
            raise self._error("write", name, error) from error

    def get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except OSError as error:
            raise self._reading_error(name, error) from error

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        try:
            with self._path(name).open("rb", buffering=0) as file:
                start = start_of_range(name, os.fstat(file.fileno()).st_size, offset, length)
                content = os.pread(file.fileno(), length, start)
        except OSError as error:
            raise self._reading_error(name, error) from error
        if len(content) != length:
            raise too_short(name, offset, length)
        return content

    def size(self, name: str) -> int:
        try:
            status = self._path(name).stat()
        except OSError as error:
            raise self._reading_error(name, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise FileMissing(f"{name} is missing in {self.url}")
        return status.st_size

    def list(self, directory: str) -> Iterator[StoredFile]:
        start = self._path(directory) if directory else self._root
        try:
            yield from _files(start, f"{directory}/" if directory else "")
        except OSError as error:
            raise self._error("list", directory or "the files", error) from error

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except (NotADirectoryError, IsADirectoryError):
            return  # there is no file of that name
        except OSError as error:
            raise self._error("delete", name, error) from error

    def close(self) -> None:
        """Nothing to give back: no file stays open between two calls."""

    def _path(self, name: str) -> Path:
        return self._root / checked(name)

    def _reading_error(self, name: str, error: OSError) -> StoreError:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}:
            return FileMissing(f"{name} is missing in {self.url}")
        return self._error("read", name, error)

    def _error(self, action: str, name: str, error: OSError) -> StoreError:
        kind = StoreUnavailable if error.errno in _PASSING else StoreRefused
        return kind(
            f"cannot {action} {name} in {self.url}",
            why=error.strerror or type(error).__name__,
            next=_NEXT.get(error.errno or 0, ""),
        )


@contextmanager
def _written(path: Path, parts: Sequence[Part]) -> Iterator[str]:
    """A temporary file beside `path` with all its bytes on disk; it is gone afterwards, renamed or removed."""
    temporary = f"{path}-tmp-{secrets.randbelow(10**10)}"  # restic's spelling: neither program lists the other's
    descriptor = _open_new(temporary)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.writelines(parts)
            file.flush()
            _sync(descriptor)
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108 - as above


def _open_new(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, _FILE_MODE)
    except FileNotFoundError:
        _make_directory(Path(path).parent)
        return os.open(path, flags, _FILE_MODE)


def _make_directory(path: Path) -> None:
    """`path` with all its parents; the entry of each new one is durable on return."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    with suppress(FileExistsError):  # another thread was faster
        path.mkdir(_DIRECTORY_MODE)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and user-space file systems have no fsync, mostly for directories; they promise what they can.
        if error.errno not in {errno.ENOTSUP, errno.EINVAL}:
            raise


def _files(directory: Path, prefix: str) -> Iterator[StoredFile]:
    try:
        # Read whole before the first yield: the caller may delete or write files while it goes through them.
        entries = [*os.scandir(directory)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not is_name(entry.name):
            continue
        if entry.is_dir():
            yield from _files(Path(entry.path), f"{prefix}{entry.name}/")
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:  # deleted since
            continue
        if stat.S_ISREG(status.st_mode):
            yield StoredFile(prefix + entry.name, status.st_size)
