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
        """The node at a path; None if it does not exist. The root has no node: use `entries`."""
        found: FoundNode | None = None
        tree: BlobId | None = self._root
        walked = ""
        for name in _parts(path):
            node = next((n for n in self._nodes(tree) if n.raw_name() == os.fsencode(name)), None) if tree else None
            if node is None:
                return None
            walked = f"{walked}/{name}"
            found = FoundNode(walked, node)
            tree = subtree_id(node) if node.type is NodeType.DIRECTORY else None
        return found

    def entries(self, path: str = "/") -> list[FoundNode]:
        """The entries of a directory, or the one file at `path`. Raises NotFound."""
        base = "/".join(["", *_parts(path)])
        if not base:
            return [FoundNode(f"/{name(node)}", node) for node in self._nodes(self._root)]
        found = self.find(path)
        if found is None:
            raise NotFound(
                f"the backup has no {path}",
                why="nothing in it has this path",
                next=_LOOK_AROUND,
            )
        if found.node.type is not NodeType.DIRECTORY:
            return [found]
        return [FoundNode(f"{base}/{name(node)}", node) for node in self._nodes(subtree_id(found.node))]

    def walk(self, path: str = "/") -> Iterator[FoundNode | DamagedData]:
        """Everything below a directory, parents before children; a directory that is damaged comes as its error."""
        waiting = self.entries(path)[::-1]
        while waiting:
            found = waiting.pop()
            yield found
            if found.node.type is NodeType.DIRECTORY:
                try:
                    nodes = self._nodes(subtree_id(found.node))
                except DamagedData as error:
                    yield DamagedData(f"directory {found.path} cannot be read", why=str(error))
                    continue
                waiting.extend(FoundNode(f"{found.path}/{name(node)}", node) for node in reversed(nodes))

    def read(self, path: str) -> bytes:
        """A file's content, in memory. Raises NotFound, DamagedData."""
        return b"".join(self.pieces(path))

    def pieces(self, path: str) -> Iterator[bytes]:
        """A file's content in order, for files that may be large: one piece of at most some MiB is in memory at a time.

        Raises NotFound at once; DamagedData at once or after some pieces.
        """
        found = self.find(path)
        if found is None or found.node.type is not NodeType.FILE:
            raise NotFound(
                f"the backup has no file {path}",
                why="no file in it has this path",
                next=_LOOK_AROUND,
            )
        return self._reader.iter_file(content_ids(found.node))

    def _nodes(self, tree: BlobId) -> list[Node]:
        return self._reader.load_tree(tree)


def name(node: Node) -> str:
    """A node's name as text; bytes that are not UTF-8 are kept as surrogates."""
    return node.raw_name().decode("utf-8", "surrogateescape")


def _parts(path: str) -> Sequence[str]:
    return [part for part in path.split("/") if part]
