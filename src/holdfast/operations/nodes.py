"""Between what a file system says of an entry and how a tree keeps it."""

from __future__ import annotations

import datetime as dt
import functools
import grp
import pwd
import stat
from collections.abc import Sequence

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository import go_json
from holdfast.repository.tree import (
    ExtendedAttribute,
    Known,
    KnownNode,
    Node,
    NodeType,
    decode_node,
    encode_node,
    format_time,
    go_mode,
)
from holdfast.volumes.entry import Entry, EntryType

_TYPES = {
    EntryType.FILE: NodeType.FILE,
    EntryType.DIRECTORY: NodeType.DIRECTORY,
    EntryType.SYMLINK: NodeType.SYMLINK,
    EntryType.BLOCK_DEVICE: NodeType.BLOCK_DEVICE,
    EntryType.CHARACTER_DEVICE: NodeType.CHARACTER_DEVICE,
    EntryType.FIFO: NodeType.FIFO,
    EntryType.SOCKET: NodeType.SOCKET,
}


def node_of(entry: Entry, *, content: list[str] | None = None, subtree: BlobId | None = None) -> Node:
    """Access times are not kept, as in restic: the modification time stands for them, so that reading changes nothing."""
    mtime = format_time(entry.mtime)
    is_directory = entry.type is EntryType.DIRECTORY
    target, raw = "", b""
    if entry.target:
        target = entry.target.decode("utf-8", "replace")
        raw = b"" if target.encode() == entry.target else entry.target
    return Node(
        name=go_json.quote_name(entry.name),
        type=_TYPES[entry.type],
        mode=go_mode(entry.mode),
        mtime=mtime,
        atime=mtime,
        ctime=format_time(entry.ctime),
        uid=entry.uid,
        gid=entry.gid,
        user=_user(entry.uid),
        group=_group(entry.gid),
        inode=entry.inode,
        device_id=entry.device,
        size=entry.size,
        links=0 if is_directory else entry.links,
        linktarget=target,
        linktarget_raw=raw,
        extended_attributes=[ExtendedAttribute(name, value) for name, value in entry.xattrs],
        device=entry.rdev,
        content=content,
        subtree=subtree.hex() if subtree else None,
    )


def encode_file(entry: Entry, content: bytes) -> bytes:
    """The node of a regular file, encoded: the bytes of `encode_node(node_of(entry, …))` in a fifth of the time.

    `content` is the JSON of its list of blob ids.
    """
    if entry.xattrs or not go_json.is_plain(entry.name):
        return encode_node(node_of(entry, content=go_json.decode(content, list[str], "a list of blobs")))
    mtime = format_time(entry.mtime).encode()
    return b'{"name":"%b","type":"file"%b,"mtime":"%b","atime":"%b","ctime":"%b"%b%b%b%b%b,"content":%b}' % (
        entry.name,
        b',"mode":%d' % mode if (mode := go_mode(entry.mode)) else b"",
        mtime,
        mtime,
        format_time(entry.ctime).encode(),
        _owner(entry.uid, entry.gid),
        b',"inode":%d' % entry.inode if entry.inode else b"",
        b',"device_id":%d' % entry.device if entry.device else b"",
        b',"size":%d' % entry.size if entry.size else b"",
        b',"links":%d' % entry.links if entry.links else b"",
        content,
    )


def encode_content(blob_ids: Sequence[bytes]) -> bytes:
    """JSON of a file's list of blob ids."""
    return b'["%b"]' % b'","'.join([blob_id.hex().encode() for blob_id in blob_ids]) if blob_ids else b"[]"


@functools.lru_cache(maxsize=1024)
def _owner(uid: int, gid: int) -> bytes:
    """The fields that tell who owns a file."""
    user, group = _user(uid), _group(gid)
    text = b',"uid":%d,"gid":%d' % (uid, gid)
    text += b',"user":%b' % go_json.encode(user) if user else b""
    return text + (b',"group":%b' % go_json.encode(group) if group else b"")


def is_unchanged(entry: Entry, node: KnownNode) -> bool:
    """As restic tests it: the same size, times and inode mean the same content."""
    return (
        node.size == entry.size
        and node.inode == entry.inode
        and node.type is NodeType.FILE
        and node.mtime == format_time(entry.mtime)
        and node.ctime == format_time(entry.ctime)
    )


def update_file(entry: Entry, known: Known) -> bytes | msgspec.Raw:
    """The encoded node of a file that `is_unchanged`. Nothing of it can have changed without the change time but where it is
    mounted, and that its clock was set back.
    """
    old = known.node
    if (
        old.uid == entry.uid
        and old.gid == entry.gid
        and old.links == entry.links
        and old.device_id == entry.device
        and old.mode == go_mode(entry.mode)
    ):
        return known.text
    node = decode_node(known.text)
    node.uid, node.gid, node.user, node.group = entry.uid, entry.gid, _user(entry.uid), _group(entry.gid)
    node.links, node.device_id, node.mode = entry.links, entry.device, go_mode(entry.mode)
    return encode_node(node)


@functools.lru_cache(maxsize=1024)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@functools.lru_cache(maxsize=1024)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


_ENTRY_TYPES = {node_type: entry_type for entry_type, node_type in _TYPES.items()}
_GO_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))

_ANY_GO_BIT = 1 << 23 | 1 << 22 | 1 << 20


def entry_of(node: Node) -> Entry:
    """The entry as it is to be written. Raises DamagedData for names, types or times that no file system takes."""
    entry_type = _ENTRY_TYPES.get(node.type)
    if entry_type is None:
        raise DamagedData(f"{node.name!r:.80} is of the type {node.type.value}", why="no file system has such entries")
    return Entry(
        node.raw_name(),
        entry_type,
        posix_mode(node),
        node.uid,
        node.gid,
        node.size,
        parse_nanoseconds(node.mtime),
        parse_nanoseconds(node.ctime),
        node.inode,
        node.device_id,
        node.links,
        node.device,
        link_target(node),
        tuple((attribute.name, attribute.value or b"") for attribute in node.extended_attributes),
    )


def posix_mode(node: Node) -> int:
    """st_mode; without a type for what no file system has."""
    entry_type = _ENTRY_TYPES.get(node.type)
    mode = node.mode & 0o777 | (entry_type.value if entry_type else 0)
    if node.mode & _ANY_GO_BIT:
        for go, posix in _GO_BITS:
            if node.mode & go:
                mode |= posix
    return mode


def link_target(node: Node) -> bytes:
    """Where a symlink leads; empty for everything else."""
    return node.linktarget_raw or node.linktarget.encode("utf-8", "surrogateescape")


def parse_nanoseconds(text: str) -> int:
    """RFC 3339 → nanoseconds since 1970. Raises DamagedData."""
    second, digits, zone = text[:19], text[20:-1], text[-1:]
    if zone != "Z" or not (digits.isdecimal() and digits.isascii() if digits else len(text) == 20):
        head, dot, rest = text.partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
        second, zone = (head, rest[len(digits) :]) if dot else (text, "")
    elif digits and text[19] != ".":
        raise DamagedData(f"{text!r:.60} is not a time")
    return _parse_second(second + zone) * 1_000_000_000 + int(digits[:9].ljust(9, "0") or "0")


@functools.lru_cache(maxsize=4096)
def _parse_second(text: str) -> int:
    """Files of one tree were mostly made in the same few seconds."""
    try:
        return int((dt.datetime.fromisoformat(text) - _EPOCH).total_seconds())
    except (ValueError, TypeError) as error:
        raise DamagedData(f"{text!r:.60} is not a time") from error


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def check_size(size: int, there: int) -> None:
    """Raises DamagedData if a file of `size` bytes has blobs that hold another number of bytes."""
    if there != size:
        raise DamagedData("a file is damaged", why=f"its size is {size:,} bytes, and there are {there:,}")
