"""Looking into a backup: its record, its files by path, its objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.model.backup import RECORD_PATH, BackupRecord
from holdfast.repository.repository import Repository
from holdfast.repository.tree import Node, NodeType, content_ids, subtree_id

OBJECTS = "objects"
_LOOK_AROUND = "Look around with `holdfast backup browse`."


class FoundNode(NamedTuple):
    path: str  # from the root, "/objects/core/v1/…"
    node: Node


class Contents:
    """The tree of one snapshot, read as it is needed."""

    def __init__(self, repository: Repository, root: BlobId) -> None:
        self._reader = repository.reader
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
        found = self.find(path)
        if found is None or found.node.type is not NodeType.FILE:
            raise NotFound(
                f"the backup has no file {path}",
                why="no file in it has this path",
                next=_LOOK_AROUND,
            )
        return self._reader.load_file(content_ids(found.node))

    def record(self) -> BackupRecord:
        """What the backup says about itself. Raises NotFound for snapshots that Holdfast did not make."""
        try:
            return msgspec.json.decode(self.read(RECORD_PATH), type=BackupRecord)
        except NotFound as error:
            raise NotFound("this snapshot is not an application backup", why=f"it has no {RECORD_PATH}") from error
        except msgspec.MsgspecError as error:
            raise DamagedData(f"{RECORD_PATH} cannot be read", why=str(error)) from error

    def _nodes(self, tree: BlobId) -> list[Node]:
        return self._reader.load_tree(tree)


def name(node: Node) -> str:
    """A node's name as text; bytes that are not UTF-8 are kept as surrogates."""
    return node.raw_name().decode("utf-8", "surrogateescape")


def _parts(path: str) -> Sequence[str]:
    return [part for part in path.split("/") if part]
