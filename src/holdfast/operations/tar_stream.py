"""A backup's files as one tar stream (POSIX pax), for pipes: `holdfast restore files BACKUP --target - | tar x`.

Directories come before what is in them, the other names of a file after it as hard links. Sockets have no place in tar and are
left out, as tar itself does.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.nodes import check_size, entry_of
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, content_ids, subtree_id
from holdfast.volumes.entry import Entry, EntryType

_TYPES = {
    EntryType.FILE: tarfile.REGTYPE,
    EntryType.DIRECTORY: tarfile.DIRTYPE,
    EntryType.SYMLINK: tarfile.SYMTYPE,
    EntryType.FIFO: tarfile.FIFOTYPE,
    EntryType.CHARACTER_DEVICE: tarfile.CHRTYPE,
    EntryType.BLOCK_DEVICE: tarfile.BLKTYPE,
}


@dataclass(slots=True)
class Streamed:
    """What came of a stream; `problems` name what is missing."""

    files: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)


def write_tar(
    reader: BlobReader,
    tree: BlobId,
    stream: BinaryIO,
    wanted: Callable[[bytes], bool | None],
    cancel: Cancel,
    progress: Progress,
) -> Streamed:
    """Writes the wanted part of a tree. A file that is found damaged midway is cut and named.

    Raises OSError when the pipe is closed.
    """
    streamed = Streamed()
    problems = streamed.problems
    links: dict[tuple[int, int], bytes] = {}  # (device, inode) → the first of several names
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        # GNU tar sets a directory's times when the next entry lies outside of it: each comes right before what is in it.
        waiting: list[tuple[bytes, BlobId, Node | None]] = [(b"", tree, None)]
        while waiting:
            path, tree_id, directory = waiting.pop()
            if directory is not None:
                _add(archive, reader, path, directory, links, problems)
            below: list[tuple[bytes, BlobId, Node | None]] = []
            try:
                nodes = reader.load_tree(tree_id)
            except DamagedData as error:
                problems.append(Problem.of(error, _shown(path) or "/"))
                continue
            for node in nodes:
                cancel.check()
                inside = path + b"/" + node.raw_name()
                choice = wanted(inside)
                if choice is not False and node.type is NodeType.DIRECTORY:
                    below.append((inside, subtree_id(node), node))
                elif choice:
                    _add(archive, reader, inside, node, links, problems)
                    streamed.files += node.type is NodeType.FILE
                    streamed.bytes += node.size
                    progress.advance(1, node.size)
            waiting.extend(reversed(below))
            archive.members.clear()  # type: ignore[attr-defined] # else it would remember every header
    return streamed


def _add(
    archive: tarfile.TarFile,
    reader: BlobReader,
    path: bytes,
    node: Node,
    links: dict[tuple[int, int], bytes],
    problems: list[Problem],
) -> None:
    try:
        entry = entry_of(node)
        if entry.type is EntryType.SOCKET:
            return
        if entry.type is EntryType.FILE and (first := links.get((entry.device, entry.inode))):
            header = _header(path, entry._replace(size=0, target=first.lstrip(b"/")))
            header.type = tarfile.LNKTYPE
            archive.addfile(header)
            return
        content = content_ids(node)
        # A file that is known to be incomplete is not begun.
        size = sum(reader.content_size(BlobType.DATA, blob_id) for blob_id in content)
        if entry.type is EntryType.FILE:
            check_size(entry.size, size)
    except DamagedData as error:
        problems.append(Problem.of(error, _shown(path)))
        return
    blobs = _Blobs(reader, content)
    archive.addfile(_header(path, entry), blobs if entry.type is EntryType.FILE else None)
    if entry.type is EntryType.FILE and entry.links > 1:
        links[entry.device, entry.inode] = path
    if blobs.damage is not None:
        problems.append(Problem.of(blobs.damage, _shown(path)))


def _header(path: bytes, entry: Entry) -> tarfile.TarInfo:
    header = tarfile.TarInfo(os.fsdecode(path.lstrip(b"/")))
    header.type = _TYPES[entry.type]
    header.mode = stat.S_IMODE(entry.mode)
    header.uid, header.gid = entry.uid, entry.gid
    header.mtime = entry.mtime // 1_000_000_000
    header.size = entry.size if entry.type is EntryType.FILE else 0
    header.linkname = os.fsdecode(entry.target)
    header.devmajor, header.devminor = os.major(entry.rdev), os.minor(entry.rdev)
    header.pax_headers = {"mtime": _decimal(entry.mtime)} if entry.mtime % 1_000_000_000 else {}
    for name, value in entry.xattrs:
        header.pax_headers[f"SCHILY.xattr.{name}"] = value.decode("utf-8", "surrogateescape")
    return header


def _decimal(nanoseconds: int) -> str:
    """As seconds, exactly, which a float could not be."""
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09d}"


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


class _Blobs(io.RawIOBase):
    """A file's blobs as a stream; zeros where a blob is found damaged, because the header has promised a size."""

    def __init__(self, reader: BlobReader, content: list[BlobId]) -> None:
        self._parts = self._read(reader, content)
        self._rest = memoryview(b"")
        self.damage: DamagedData | None = None

    def _read(self, reader: BlobReader, content: list[BlobId]) -> Iterator[bytes]:
        for blob_id in content:
            try:
                yield reader.load(BlobType.DATA, blob_id)
            except DamagedData as error:
                self.damage = error
                yield bytes(reader.content_size(BlobType.DATA, blob_id))

    def read(self, size: int = -1, /) -> bytes:
        """Exactly `size` bytes, fewer only at the end: tarfile takes less for an error."""
        taken = bytearray()
        while size < 0 or len(taken) < size:
            if not self._rest:
                part = next(self._parts, None)
                if part is None:
                    break
                self._rest = memoryview(part)
            wanted = len(self._rest) if size < 0 else size - len(taken)
            taken += self._rest[:wanted]
            self._rest = self._rest[wanted:]
        return bytes(taken)
