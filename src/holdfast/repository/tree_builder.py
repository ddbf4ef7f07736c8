"""A directory tree put together from paths, in any order, and stored from its leaves up.

For trees that Holdfast makes itself (objects, reports), not for file systems. The result depends only on what was added: owner
0:0, fixed modes, and each directory's time is that of its newest entry. So a tree that did not change is not stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.ids import BlobId
from holdfast.repository import go_json
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import EPOCH, Node, NodeType, encode_node, go_mode, join_nodes
from holdfast.repository.writer import BlobWriter

_FILE_MODE = go_mode(0o100600)
_DIRECTORY_MODE = go_mode(0o040700)


class TreeFile(NamedTuple):
    """A file whose content is in the writer's hands already. About 100 bytes less than a Node, and there are many."""

    content: tuple[BlobId, ...]
    size: int  # bytes
    time: str  # RFC 3339


class Directory:
    """A directory that is still being filled."""

    def __init__(self) -> None:
        self.files: dict[str, TreeFile] = {}
        self.directories: dict[str, Directory] = {}


class TreeBuilder:
    """Collects files by path; not thread-safe."""

    def __init__(self) -> None:
        self.root = Directory()

    def add(self, path: Sequence[str], file: TreeFile) -> None:
        """`path` are the names from the root down; adding a path again replaces the file."""
        self.directory(path[:-1])[path[-1]] = file

    def directory(self, path: Iterable[str]) -> dict[str, TreeFile]:
        """The files of one directory, made if need be, to add many to."""
        directory = self.root
        for name in path:
            directory = directory.directories.setdefault(name, Directory())
        return directory.files

    def save(self, writer: BlobWriter) -> BlobId:
        """Stores all directories and returns the root's tree id. The builder is empty afterwards."""
        root, self.root = self.root, Directory()
        return _save(root, writer)[0]


def _save(directory: Directory, writer: BlobWriter) -> tuple[BlobId, str]:
    """(tree id, time of the newest entry). Each directory is dropped as soon as it is stored, to bound memory."""
    nodes: dict[bytes, bytes] = {}
    newest = EPOCH
    while directory.directories:
        name, child = directory.directories.popitem()
        tree_id, time = _save(child, writer)
        newest = max(newest, time)
        nodes[name.encode()] = _encode(name, NodeType.DIRECTORY, time, subtree=tree_id.hex())
    for name, file in directory.files.items():
        newest = max(newest, file.time)
        content = [blob_id.hex() for blob_id in file.content]
        nodes[name.encode()] = _encode(name, NodeType.FILE, file.time, size=file.size, content=content)
    directory.files.clear()
    return writer.save(BlobType.TREE, join_nodes(nodes[name] for name in sorted(nodes))), newest


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
