"""A directory tree put together from paths, in any order, and stored from its leaves up.

For trees that Holdfast makes itself (objects, reports), not for file systems. The result depends only on what was added: owner
0:0, fixed modes, and each directory's time is that of its newest entry. So a tree that did not change is not stored again.
What another snapshot holds already, be it of a file system, is grafted: its node is taken over as it is encoded there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.repository import go_json
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import EPOCH, Node, NodeType, decode_node, encode_node, go_mode, tree_parts
from holdfast.repository.writer import BlobWriter

_FILE_MODE = go_mode(0o100600)
_DIRECTORY_MODE = go_mode(0o040700)


class TreeFile(msgspec.Struct, frozen=True, gc=False):
    """A file whose content is in the writer's hands already. A third of a Node, and there are many."""

    content: bytes  # the ids of its blobs, joined
    size: int  # bytes
    time: str  # RFC 3339

    def blob_ids(self) -> list[str]:
        """In hexadecimal digits, as nodes hold them."""
        digits = self.content.hex()
        return [digits[start : start + 2 * DIGEST_SIZE] for start in range(0, len(digits), 2 * DIGEST_SIZE)]


class Tree(NamedTuple):
    """A directory as a whole."""

    id: BlobId
    time: str  # of its newest entry


class Graft(NamedTuple):
    """An entry of another tree, with all that is below it."""

    node: bytes  # as it is encoded there
    time: str  # its own


class Directory:
    """A directory that is still being filled. Once it is identified, nothing is added any more."""

    def __init__(self) -> None:
        self.files: dict[str, TreeFile] = {}
        self.grafts: dict[str, Graft] = {}
        self.directories: dict[str, Directory] = {}
        self.tree: Tree | None = None

    def identify(self) -> Tree:
        """What the directory will be stored as; nothing is stored yet."""
        if self.tree is None:
            below = {name: directory.identify() for name, directory in self.directories.items()}
            digest = hashlib.sha256()
            for part in _parts(self, below):
                digest.update(part)
            self.tree = Tree(BlobId(digest.digest()), _newest(self, below))
        return self.tree

    def count(self) -> int:
        """How many files there are, at any depth; what is below grafts is not counted."""
        return len(self.files) + sum(directory.count() for directory in self.directories.values())


class TreeBuilder:
    """Collects files by path; not thread-safe."""

    def __init__(self) -> None:
        self.root = Directory()

    def add(self, path: Sequence[str], file: TreeFile) -> None:
        """`path` are the names from the root down; adding a path again replaces the file.

        Raises ValueError if the path is a directory or a graft already, or goes through a file or a graft.
        """
        directory = self._directory(path[:-1])
        if path[-1] in directory.directories or path[-1] in directory.grafts:
            raise ValueError(f"{'/'.join(path)} is a directory already")
        directory.files[path[-1]] = file

    def graft(self, path: Sequence[str], node: bytes) -> None:
        """Takes over a node of a tree that is stored already, with all that is below it; doing so again replaces it.

        `node` is its text in that tree, and its name must be the path's last. Raises ValueError if it is not, or if the path
        is a file or a directory already, or goes through a file or a graft; DamagedData for text that is no node.
        """
        decoded = decode_node(node)
        if decoded.raw_name() != path[-1].encode():
            raise ValueError(f"a node named {decoded.name!r:.80} cannot be grafted at {'/'.join(path)}")
        directory = self._directory(path[:-1])
        if path[-1] in directory.files or path[-1] in directory.directories:
            raise ValueError(f"{'/'.join(path)} is there already")
        directory.grafts[path[-1]] = Graft(node, decoded.mtime)

    def directory(self, path: Iterable[str]) -> dict[str, TreeFile]:
        """The files of one directory, made if need be, to add many to.

        Raises ValueError if its path goes through a file or a graft.
        """
        return self._directory(path).files

    def _directory(self, path: Iterable[str]) -> Directory:
        directory = self.root
        for name in path:
            if name in directory.files or name in directory.grafts:
                raise ValueError(f"{name} is there already, and cannot be a directory too")
            directory = directory.directories.setdefault(name, Directory())
        return directory

    def save(self, writer: BlobWriter) -> BlobId:
        """Stores all directories and returns the root's tree id. The builder is empty afterwards."""
        root, self.root = self.root, Directory()
        return _save(root, writer).id


def _save(directory: Directory, writer: BlobWriter) -> Tree:
    """Each directory is dropped as soon as it is stored, to bound memory."""
    below: dict[str, Tree] = {}
    while directory.directories:
        name, child = directory.directories.popitem()
        below[name] = _save(child, writer)
    if directory.tree is not None and writer.has(BlobType.TREE, directory.tree.id):
        return directory.tree
    tree_id = writer.save_parts(BlobType.TREE, _parts(directory, below))
    return Tree(tree_id, _newest(directory, below))


def _newest(directory: Directory, below: dict[str, Tree]) -> str:
    entries: Iterable[TreeFile | Graft | Tree] = itertools.chain(
        directory.files.values(), directory.grafts.values(), below.values()
    )
    return max((entry.time for entry in entries), default=EPOCH)


def _parts(directory: Directory, below: dict[str, Tree]) -> Iterator[bytes]:
    """A tree blob's content. Text sorts as its UTF-8 does."""
    names = sorted(directory.files.keys() | directory.grafts.keys() | below.keys())
    return tree_parts(_node(name, directory, below) for name in names)


def _node(name: str, directory: Directory, below: dict[str, Tree]) -> bytes:
    if graft := directory.grafts.get(name):
        return graft.node
    return _file_node(name, directory.files[name]) if name in directory.files else _directory_node(name, below[name])


def _file_node(name: str, file: TreeFile) -> bytes:
    return _encode(name, NodeType.FILE, file.time, size=file.size, content=file.blob_ids())


def _directory_node(name: str, tree: Tree) -> bytes:
    return _encode(name, NodeType.DIRECTORY, tree.time, subtree=tree.id.hex())


def _encode(
    name: str,
    node_type: NodeType,
    time: str,
    *,
    size: int = 0,
    content: list[str] | None = None,
    subtree: str | None = None,
) -> bytes:
    return encode_node(
        Node(
            name=go_json.quote_name(name.encode()),
            type=node_type,
            mode=_FILE_MODE if node_type is NodeType.FILE else _DIRECTORY_MODE,
            mtime=time,
            atime=time,
            ctime=time,
            uid=0,
            gid=0,
            size=size,
            content=content,
            subtree=subtree,
        )
    )
