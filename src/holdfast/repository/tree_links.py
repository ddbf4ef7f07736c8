"""What a tree leads to: of each node no more is decoded than its name, its type and the blobs that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import lt

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.repository import go_json
from holdfast.repository.tree import NodeType, raw_name

_DIGITS = 2 * DIGEST_SIZE
_AT_ONCE = 8 << 20  # bytes of a tree; decoded, its nodes need as much memory again
_NODES_AT_ONCE = 10_000


class Link(msgspec.Struct, frozen=True, gc=False):
    """An entry of a directory."""

    name: str  # quoted
    type: NodeType
    content: list[str] | None = None
    subtree: str | None = None


class _Links(msgspec.Struct):
    nodes: list[Link]


class _Texts(msgspec.Struct):
    nodes: list[msgspec.Raw]


def decode_links(tree: bytes) -> Iterator[list[Link]]:
    """All of them, those of a large directory in several lists.

    Raises DamagedData where `holdfast.repository.tree.decode_tree` does because of what is decoded here.
    """
    previous = b""
    for links in _lists(tree):
        previous = _check_names([link.name for link in links], previous)
        for link in links:
            if (link.type is NodeType.FILE) != (link.content is not None):
                raise DamagedData("a tree is damaged", why=f"{link.name!r:.80} has the content of another type of node")
            if (link.type is NodeType.DIRECTORY) != (link.subtree is not None):
                raise DamagedData("a tree is damaged", why=f"{link.name!r:.80} has the subtree of another type of node")
        yield links


def _lists(tree: bytes) -> Iterator[list[Link]]:
    if len(tree) <= _AT_ONCE:
        yield go_json.decode(tree, _Links, "a tree").nodes
        return
    texts = go_json.decode(tree, _Texts, "a tree").nodes
    for start in range(0, len(texts), _NODES_AT_ONCE):
        some = b",".join(texts[start : start + _NODES_AT_ONCE])
        yield go_json.decode(b"[%b]" % some, list[Link], "a tree")


def _check_names(names: list[str], previous: bytes) -> bytes:
    """Returns the last one; raises DamagedData unless all are names of files and in order."""
    joined = "/".join(names)
    is_plain = joined.count("/") == len(names) - 1 and not any(sign in joined for sign in '\\"\n\0')
    # Text is in the same order as its UTF-8.
    if (
        is_plain
        and all(map(lt, names, names[1:]))
        and not {"", ".", ".."} & set(names)
        and previous < names[0].encode()
    ):
        return names[-1].encode()
    for name in map(raw_name, names):
        if name <= previous:
            raise DamagedData("a tree is damaged", why=f"the name {name!r:.80} is out of order or there twice")
        previous = name
    return previous


def joined_ids(texts: Sequence[str]) -> bytes:
    """Ids as they are in JSON, parsed and joined; what is none is left out."""
    try:
        joined = bytes.fromhex("".join(texts))
    except ValueError:
        joined = b""
    if len(joined) == DIGEST_SIZE * len(texts) and {*map(len, texts)} <= {_DIGITS}:
        return joined
    ids = bytearray()
    for text in texts:
        with suppress(DamagedData):
            ids += BlobId.parse(text)
    return bytes(ids)
