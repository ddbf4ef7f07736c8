"""A directory tree put together from paths, in any order, and stored from its leaves up.

For trees that Holdfast makes itself (objects, reports), not for file systems. The result depends only on what was added: owner
0:0, fixed modes, and each directory's time is that of its newest entry. So a tree that did not change is not stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from holdfast.ids import BlobId
from holdfast.repository import go_json
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import EPOCH, Node, NodeType, encode_node, go_mode, tree_parts
from holdfast.repository.writer import BlobWriter

_FILE_MODE = go_mode(0o100600)
_DIRECTORY_MODE = go_mode(0o040700)


class TreeFile(msgspec.Struct, frozen=True, gc=False):
    """A file whose content is in the writer's hands already. A third of a Node, and there are many."""

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
    """(tree id, time of the newest entry). What was stored or encoded is dropped at once, to bound memory."""
    trees: dict[str, tuple[BlobId, str]] = {}
    while directory.directories:
        name, child = directory.directories.popitem()
        trees[name] = _save(child, writer)
    newest = max((time for _, time in trees.values()), default=EPOCH)
    newest = max((file.time for file in directory.files.values()), default=newest)
    return writer.save_parts(BlobType.TREE, tree_parts(_encoded(trees, directory.files))), newest


def _encoded(trees: dict[str, tuple[BlobId, str]], files: dict[str, TreeFile]) -> Iterator[bytes]:
    """The nodes in order. Text sorts as its UTF-8 does."""
    for name in sorted([*trees, *files]):
        file = files.pop(name, None)
        if file is not None:
            content = [blob_id.hex() for blob_id in file.content]
            yield _encode(name, NodeType.FILE, file.time, size=file.size, content=content)
        else:
            tree_id, time = trees[name]
            yield _encode(name, NodeType.DIRECTORY, time, subtree=tree_id.hex())


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
