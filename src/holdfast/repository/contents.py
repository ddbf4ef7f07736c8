"""Looking into a snapshot: its directories and files by path, read as they are needed.

Paths are text from the root, "/" between names, however many slashes; bytes of a name that are not UTF-8 are kept as surrogates,
as `os.fsdecode` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, content_ids, subtree_id

_LOOK_AROUND = "Look around with `holdfast backup browse`."


class FoundNode(NamedTuple):
    path: str  # from the root, "/objects/core/v1/…"
    node: Node


class SnapshotContents:
    """The tree of one snapshot; `Repository.contents` gives one. Thread-safe."""

    def __init__(self, reader: BlobReader, root: BlobId) -> None:
        self._reader = reader
        self._root = root

    def find(self, path: str) -> FoundNode | None:
        """The node at a path; None if it does not exist. The root has no node: use `entries`.

        Reads the directories on the way, each only as far as the name. Raises DamagedData.
        """
        found: FoundNode | None = None
        tree: BlobId | None = self._root
        walked = ""
        for part in _parts(path):
            node = self._child(tree, os.fsencode(part)) if tree else None
            if node is None:
                return None
            walked = f"{walked}/{part}"
            found = FoundNode(walked, node)
            tree = subtree_id(node) if node.type is NodeType.DIRECTORY else None
        return found

    def _child(self, tree: BlobId, wanted: bytes) -> Node | None:
        for node in self._reader.iter_tree(tree):
            if node.raw_name() >= wanted:  # a directory's names are in order
                return node if node.raw_name() == wanted else None
        return None

    def entries(self, path: str = "/") -> list[FoundNode]:
        """The entries of a directory, or the one file at `path`. Raises NotFound, DamagedData."""
        return list(self.iter_entries(path))

    def iter_entries(self, path: str = "/") -> Iterator[FoundNode]:
        """The same one by one, for directories that may be large. Raises NotFound at once, DamagedData also after some."""
        base = "/".join(["", *_parts(path)])
        if not base:
            return self._below(base, self._root)
        found = self.find(path)
        if found is None:
            raise _missing(path)
        if found.node.type is not NodeType.DIRECTORY:
            return iter((found,))
        return self._below(base, subtree_id(found.node))

    def _below(self, base: str, tree: BlobId) -> Iterator[FoundNode]:
        return (FoundNode(f"{base}/{name(node)}", node) for node in self._reader.iter_tree(tree))

    def walk(self, path: str = "/") -> Iterator[FoundNode | DamagedData]:
        """Everything below a directory, parents before children; a directory that is damaged comes as its error.

        Memory: one directory for each level of the tree. Raises NotFound; DamagedData if nothing at all can be read.
        """
        levels = [(path, self.iter_entries(path))]
        while levels:
            directory, entries = levels[-1]
            try:
                found = next(entries, None)
            except DamagedData as error:
                levels.pop()
                yield DamagedData(f"directory {shown(directory)} cannot be read", why=str(error))
                continue
            if found is None:
                levels.pop()
                continue
            yield found
            if found.node.type is NodeType.DIRECTORY:
                levels.append((found.path, self._inside(found)))

    def _inside(self, found: FoundNode) -> Iterator[FoundNode]:
        """Reads the directory only when it is asked for its first entry."""
        yield from self._below(found.path, subtree_id(found.node))

    def read(self, path: str) -> bytes:
        """A file's content, in memory. Raises NotFound, DamagedData."""
        return b"".join(self.pieces(path))

    def pieces(self, path: str) -> Iterator[bytes]:
        """A file's content in order, for files of any length: a few blobs are in memory at a time.

        Raises NotFound at once, also for what is there and has no content; DamagedData at once or after some pieces.
        """
        found = self.find(path)
        if found is None and _parts(path):
            raise _missing(path)
        if found is None or found.node.type is not NodeType.FILE:
            sort = "directory" if found is None or found.node.type is NodeType.DIRECTORY else found.node.type.value
            raise NotFound(
                f"{shown(path)} is not a file", why=f"it is a {sort}", next="List it with `holdfast backup browse`."
            )
        return self._pieces(found)

    def _pieces(self, found: FoundNode) -> Iterator[bytes]:
        try:
            yield from self._reader.iter_file(content_ids(found.node))
        except DamagedData as error:
            raise DamagedData(f"{shown(found.path)} cannot be read whole", why=str(error)) from error


def name(node: Node) -> str:
    """A node's name as text; bytes that are not UTF-8 are kept as surrogates."""
    return node.raw_name().decode("utf-8", "surrogateescape")


def shown(path: str) -> str:
    """A path as messages name it: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _missing(path: str) -> NotFound:
    return NotFound(f"the backup has no {shown(path)}", why="nothing in it has this path", next=_LOOK_AROUND)


def _parts(path: str) -> Sequence[str]:
    return [part for part in path.split("/") if part]
