"""Trees: one blob per directory, JSON in the one form that today's restic gives it.

`{"nodes":[node,…]}` and a newline, nodes strictly ascending by the bytes of their names. Equal directories must become equal
bytes, whoever wrote them, or they are stored twice.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import stat
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository import go_json


class NodeType(StrEnum):
    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "symlink"
    BLOCK_DEVICE = "dev"
    CHARACTER_DEVICE = "chardev"
    FIFO = "fifo"
    SOCKET = "socket"
    IRREGULAR = "irregular"


class ExtendedAttribute(msgspec.Struct, frozen=True):
    name: str
    value: bytes | None  # base64 in JSON


class Node(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One entry of a directory, its fields in restic's order. Times are RFC 3339 text with up to nanoseconds."""

    name: str  # quoted, see go_json.quote_name
    type: NodeType
    mode: int = 0  # Go's FileMode, see go_mode
    mtime: str
    atime: str
    ctime: str
    uid: int
    gid: int
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 0
    linktarget: str = ""  # with U+FFFD for each byte that is not UTF-8
    linktarget_raw: bytes = b""  # the target if it is not UTF-8
    extended_attributes: list[ExtendedAttribute] = []
    generic_attributes: dict[str, msgspec.Raw] = {}
    device: int = 0
    content: list[str] | None  # blob ids of a file, [] for an empty one; None for all other types
    subtree: str | None = None  # a directory's tree; None for all other types
    error: str = ""

    def raw_name(self) -> bytes:
        """Raises DamagedData for names that no directory can hold."""
        return raw_name(self.name)


class KnownNode(msgspec.Struct, frozen=True, gc=False):
    """What tells whether an entry of an earlier backup is still the same."""

    name: str
    type: NodeType
    mode: int = 0
    mtime: str = ""
    ctime: str = ""
    uid: int = 0
    gid: int = 0
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 0
    content: list[str] | None = None
    subtree: str | None = None


class Decoded(NamedTuple):
    name: bytes
    node: Node
    text: msgspec.Raw  # that it was made of


class Known(NamedTuple):
    node: KnownNode
    text: msgspec.Raw  # the whole node as it is encoded


class _Tree(msgspec.Struct):
    nodes: list[msgspec.Raw]


def raw_name(quoted: str) -> bytes:
    """The file name of a node. Raises DamagedData for names that no directory can hold."""
    try:
        name = go_json.unquote_name(quoted)
    except ValueError as error:
        raise DamagedData("a tree holds a bad name", why=str(error)) from error
    if not name or b"/" in name or b"\0" in name or name in (b".", b".."):
        raise DamagedData("a tree holds a bad name", why=f"{quoted!r:.80} cannot be the name of a file")
    return name


def encode_node(node: Node) -> bytes:
    text = go_json.encode(node)
    if node.linktarget_raw:
        # Go writes the stand-in for bytes that are not UTF-8 as an escape, unlike a U+FFFD that is really there.
        target = b'"linktarget":' + go_json.encode(node.linktarget)
        text = text.replace(target, target.replace("\ufffd".encode(), b"\\ufffd"))
    return text


def join_nodes(encoded: Iterable[bytes | msgspec.Raw]) -> bytes:
    """A tree blob's content from its encoded nodes, which must be in order already."""
    return b'{"nodes":[%b]}\n' % b",".join(encoded)


def tree_parts(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """The same in parts."""
    before = b'{"nodes":['
    for node in encoded:
        yield before + node
        before = b","
    yield b'{"nodes":[]}\n' if before != b"," else b"]}\n"


def encode_tree(nodes: Iterable[Node]) -> bytes:
    """A tree blob's content. Raises ValueError for two nodes of one name."""
    named = sorted((node.raw_name(), index, node) for index, node in enumerate(nodes))
    for (left, *_), (right, *_) in itertools.pairwise(named):
        if left == right:
            raise ValueError(f"two nodes are named {left!r}")
    return join_nodes(encode_node(node) for _, _, node in named)


def decode_tree(content: bytes) -> list[Node]:
    """The nodes of a tree blob. Raises DamagedData for anything that is not one, also for duplicate or unsorted names."""
    return list(decode_nodes(content))


def decode_nodes(content: bytes) -> Iterator[Node]:
    """The same one by one, for directories that may be large: their nodes need twice the memory of their JSON."""
    return (decoded.node for decoded in decode_with_text(content))


def decode_with_text(content: bytes) -> Iterator[Decoded]:
    """The same, each with the text that it was made of, for those who hand it on."""
    previous = b""
    for encoded in go_json.decode(content, _Tree, "a tree").nodes:
        node = decode_node(encoded)
        name = node.raw_name()
        if name <= previous:
            raise DamagedData("a tree is damaged", why=f"the name {node.name!r:.80} is out of order or there twice")
        previous = name
        if (node.type is NodeType.FILE) != (node.content is not None):
            raise DamagedData("a tree is damaged", why=f"{node.name!r:.80} has the content of another type of node")
        if (node.type is NodeType.DIRECTORY) != (node.subtree is not None):
            raise DamagedData("a tree is damaged", why=f"{node.name!r:.80} has the subtree of another type of node")
        yield Decoded(name, node, encoded)


def decode_known(content: bytes) -> dict[bytes, Known]:
    """A tree blob's nodes by name, at a third of what `decode_tree` costs. Raises DamagedData."""
    known = {}
    for text in go_json.decode(content, _Tree, "a tree").nodes:
        node = go_json.decode(text, KnownNode, "a tree")
        known[raw_name(node.name)] = Known(node, text)
    return known


def decode_node(encoded: bytes | msgspec.Raw) -> Node:
    """Raises DamagedData."""
    return go_json.decode(encoded, Node, "a tree")


def subtree_id(node: Node) -> BlobId:
    assert node.subtree is not None
    return BlobId.parse(node.subtree)


def content_ids(node: Node) -> list[BlobId]:
    return [BlobId.parse(blob_id) for blob_id in node.content or ()]


def format_time(nanoseconds: int) -> str:
    """Unix time → RFC 3339 in UTC as Go prints it: no trailing zeros in the fraction; years clamped to 0001-9999."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text, is_clamped = _format_second(seconds)
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction and not is_clamped else text + "Z"


@functools.lru_cache(maxsize=4096)
def _format_second(seconds: int) -> tuple[str, bool]:
    """Files of one tree were mostly made in the same few seconds."""
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)  # noqa: DTZ001 - formatted as UTC above
    except OverflowError:
        moment = dt.datetime.max if seconds > 0 else dt.datetime.min  # noqa: DTZ901 - as above
        return moment.replace(microsecond=0).isoformat(), True
    return moment.isoformat(), False


EPOCH = format_time(0)

# Go's os.FileMode keeps file types and special bits at its own places.
_GO_TYPES = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_GO_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


def go_mode(mode: int) -> int:
    """st_mode → the number that restic stores."""
    result = stat.S_IMODE(mode) & 0o777 | _GO_TYPES[stat.S_IFMT(mode)]
    for posix, go in _GO_BITS:
        if mode & posix:
            result |= go
    return result
