"""Between what a file system says of an entry and how a tree keeps it."""

from __future__ import annotations

import datetime as dt
import functools
import grp
import pwd
import stat

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository import go_json
from holdfast.repository.tree import ExtendedAttribute, Node, NodeType, format_time, go_mode
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

_time = functools.lru_cache(maxsize=1 << 14)(format_time)


def node_of(entry: Entry, *, content: list[str] | None = None, subtree: BlobId | None = None) -> Node:
    """Access times are not kept, as in restic: the modification time stands for them, so that reading changes nothing."""
    mtime = _time(entry.mtime)
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
        ctime=_time(entry.ctime),
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


def is_unchanged(entry: Entry, node: Node | None) -> bool:
    """As restic tests it: the same size, times and inode mean the same content."""
    return (
        node is not None
        and node.type is NodeType.FILE
        and node.size == entry.size
        and node.inode == entry.inode
        and node.mtime == _time(entry.mtime)
        and node.ctime == _time(entry.ctime)
    )


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
    for go, posix in _GO_BITS:
        if node.mode & go:
            mode |= posix
    return mode


def link_target(node: Node) -> bytes:
    """Where a symlink leads; empty for everything else."""
    return node.linktarget_raw or node.linktarget.encode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=1 << 14)
def parse_nanoseconds(text: str) -> int:
    """RFC 3339 → nanoseconds since 1970. Raises DamagedData."""
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    try:
        moment = dt.datetime.fromisoformat(head + rest[len(digits) :] if dot else text)
        seconds = int((moment - _EPOCH).total_seconds())
    except (ValueError, TypeError) as error:
        raise DamagedData(f"{text!r:.60} is not a time") from error
    return seconds * 1_000_000_000 + int(digits[:9].ljust(9, "0") or "0")


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
