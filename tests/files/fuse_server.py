"""A read-only file system out of a dictionary, whose files fail as they are told; it speaks the kernel's FUSE protocol by hand.

For reading that is little, so that nothing but /dev/fuse and root is needed. One thread, one request at a time. Nothing is
cached by the kernel, so that each look comes here.
"""

import contextlib
import ctypes
import errno
import os
import stat
import struct
import time
from dataclasses import dataclass, field
from enum import IntEnum

XATTR = (b"user.note", b"kept")  # what every file and directory has
MTIME = 1_600_000_000


@dataclass(eq=False)
class Faulty:
    """A file or directory, and where it goes wrong. `fails` maps what is asked to the error's number."""

    content: bytes = b""
    fails: dict[str, int] = field(default_factory=dict)  # "lookup", "open", "read", "getxattr", "listxattr"
    after: int = 0  # bytes that can be read before "read" fails
    grows: bool = False  # it is one byte longer each time somebody looks
    seconds: float = 0  # that each read takes
    below: dict[str, "Faulty"] | None = None  # of a directory


class _Asked(IntEnum):
    """Requests of linux/fuse.h that are answered, and those that want no answer."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    RELEASE = 18
    GETXATTR = 22
    LISTXATTR = 23
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    INTERRUPT = 36
    BATCH_FORGET = 42


_UNANSWERED = {_Asked.FORGET, _Asked.BATCH_FORGET, _Asked.INTERRUPT}

# Structures of linux/fuse.h, protocol 7.31.
_REQUEST = struct.Struct("=IIQQIIII")  # length, what, number, node, uid, gid, pid, padding
_ANSWER = struct.Struct("=IiQ")  # length, error, number
_INITIALISED = struct.Struct("=IIIIHHIIHH32x")
_ATTRIBUTES = struct.Struct("=QQQQQQ" + "IIIIIIIIII")
_ENTRY = struct.Struct("=QQQQII")  # node, generation, four parts of the time for which it may be cached
_READ = struct.Struct("=QQI")  # handle, offset, size
_OPENED = struct.Struct("=QII")  # handle, flags, padding
_DIRECT_IO = 1  # else the kernel would read ahead, and never beyond the size it knows
_MOST = 1 << 20  # bytes of an answer


class Server:
    def __init__(self, root, directory):
        """Mounts it. Raises OSError."""
        self.healed = False  # then nothing fails any more
        self._nodes = []  # a node's number is its place, from 1
        self._numbers = {}
        self._looks = 0
        self._add(root)
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40755,user_id=0,group_id=0,allow_other".encode()
        if ctypes.CDLL(None, use_errno=True).mount(b"holdfast-test", os.fsencode(directory), b"fuse", 0, options) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def serve(self):
        """Until somebody unmounts it."""
        while True:
            try:
                request = os.read(self._device, _MOST + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return  # unmounted
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue  # whoever asked was killed meanwhile
                raise
            _, asked, number, node, *_ = _REQUEST.unpack_from(request)
            if asked in _UNANSWERED:
                continue
            try:
                error, answer = 0, self._answer(asked, node, request[_REQUEST.size :])
            except OSError as failed:
                error, answer = -failed.errno, b""
            with contextlib.suppress(FileNotFoundError):  # as above
                os.write(self._device, _ANSWER.pack(_ANSWER.size + len(answer), error, number) + answer)

    def _answer(self, asked, number, body):  # noqa: C901 - a table
        if asked == _Asked.INIT:
            return _INITIALISED.pack(7, 31, _MOST, 0, 16, 12, _MOST, 1, 256, 0)
        node = self._nodes[number - 1]
        match asked:
            case _Asked.LOOKUP:
                return self._look_up(node, os.fsdecode(body.partition(b"\0")[0]))
            case _Asked.GETATTR:
                return struct.pack("=QII", 0, 0, 0) + self._attributes(node)
            case _Asked.OPEN | _Asked.OPENDIR:
                self._fail(node, "open")
                return _OPENED.pack(0, _DIRECT_IO if node.below is None else 0, 0)
            case _Asked.READ:
                return self._read(node, *_READ.unpack_from(body)[1:])
            case _Asked.READDIR:
                return self._list(node, *_READ.unpack_from(body)[1:])
            case _Asked.GETXATTR:
                name = body[8:].partition(b"\0")[0]
                if name != XATTR[0]:
                    raise OSError(errno.ENODATA, "there is no such attribute")
                self._fail(node, "getxattr")
                return _sized(body, XATTR[1])
            case _Asked.LISTXATTR:
                self._fail(node, "listxattr")
                return _sized(body, XATTR[0] + b"\0")
            case _Asked.RELEASE | _Asked.RELEASEDIR:
                return b""
            case _:
                raise OSError(errno.ENOSYS, "not needed here")

    def _fail(self, node, what):
        if what in node.fails and not self.healed:
            raise OSError(node.fails[what], what)

    def _look_up(self, directory, name):
        node = (directory.below or {}).get(name)
        if node is None:
            raise OSError(errno.ENOENT, "no such name")
        self._fail(node, "lookup")
        return _ENTRY.pack(self._numbers[node], 0, 0, 0, 0, 0) + self._attributes(node)

    def _read(self, node, offset, size):
        time.sleep(node.seconds)
        end = offset + size
        if "read" in node.fails and not self.healed:
            if offset >= node.after:
                raise OSError(node.fails["read"], "read")
            end = min(end, node.after)
        return node.content[offset:end]

    def _list(self, node, offset, size):
        self._fail(node, "read")
        listed = b""
        for place, (name, below) in enumerate(node.below.items(), 1):
            raw = os.fsencode(name)
            entry = struct.pack("=QQII", self._numbers[below], place, len(raw), _type(below) >> 12) + raw
            entry += bytes(-len(entry) % 8)
            if place > offset:
                if len(listed) + len(entry) > size:
                    break
                listed += entry
        return listed

    def _attributes(self, node):
        self._looks += 1
        grown = self._looks if node.grows and not self.healed else 0
        size = len(node.content) + grown
        mode = _type(node) | (0o755 if node.below is not None else 0o644)
        number = self._numbers[node]
        return _ATTRIBUTES.pack(
            number, size, -(-size // 512), MTIME, MTIME, MTIME, 0, 0, 0, mode, 1, os.getuid(), os.getgid(), 0, 4096, 0
        )

    def _add(self, node):
        self._nodes.append(node)
        self._numbers[node] = len(self._nodes)
        for below in (node.below or {}).values():
            self._add(below)


def _type(node):
    return stat.S_IFREG if node.below is None else stat.S_IFDIR


def _sized(body, value):
    """Asked with a size of 0, how long the value is; else the value."""
    (size,) = struct.unpack_from("=I", body)
    if size and size < len(value):
        raise OSError(errno.ERANGE, "too long")
    return value if size else struct.pack("=II", len(value), 0)
