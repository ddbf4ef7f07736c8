"""Between what a file system says of an entry and how a tree keeps it."""

from __future__ import annotations

import functools
import grp
import pwd

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
    """restic's test: same size, times and inode mean the same content."""
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
