"""One entry of a file tree with all that a file system knows about it, except its content."""

from __future__ import annotations

import stat
from enum import Enum
from typing import NamedTuple

XAttrs = tuple[tuple[str, bytes], ...]


class EntryType(Enum):
    FILE = stat.S_IFREG
    DIRECTORY = stat.S_IFDIR
    SYMLINK = stat.S_IFLNK
    BLOCK_DEVICE = stat.S_IFBLK
    CHARACTER_DEVICE = stat.S_IFCHR
    FIFO = stat.S_IFIFO
    SOCKET = stat.S_IFSOCK


class Entry(NamedTuple):
    """As lstat saw it. Names and targets are bytes: file systems promise no encoding."""

    name: bytes
    type: EntryType
    mode: int  # st_mode, with the type's bits
    uid: int
    gid: int
    size: int  # bytes; of regular files only, else 0
    mtime: int  # nanoseconds since 1970
    ctime: int
    inode: int
    device: int  # the file system's
    links: int
    rdev: int = 0  # of devices
    target: bytes = b""  # of symlinks
    xattrs: XAttrs = ()
