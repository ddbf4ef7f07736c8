"""File trees for tests: one with everything that file systems allow, and pictures of trees that can be compared."""

import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import NamedTuple

ROOT = os.geteuid() == 0
NANOSECONDS = 1_600_000_000_123_456_789
DEPTH = 1200
CROWD = 5000


class Seen(NamedTuple):
    mode: int
    owner: tuple[int, int]
    mtime: int
    size: int | None
    device: int | None
    target: bytes | None
    xattrs: dict[str, bytes]
    content: str | None
    names: frozenset[bytes]  # all names of the same file


def picture(root):
    """{path below root: what a file system tells of it}; for paths of any length."""
    seen = {}
    names = {}
    waiting = [(b"", os.open(root, os.O_RDONLY | os.O_DIRECTORY))]
    while waiting:
        path, fd = waiting.pop()
        seen[path] = (os.fstat(fd), None, _xattrs(fd), None)
        for name in map(os.fsencode, os.listdir(fd)):  # noqa: PTH208 - a descriptor
            inside = path + b"/" + name
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                waiting.append((inside, os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)))
                continue
            target = content = None
            xattrs = {}
            if stat.S_ISLNK(found.st_mode):
                target = os.readlink(name, dir_fd=fd)
            elif stat.S_ISREG(found.st_mode):
                names.setdefault((found.st_dev, found.st_ino), set()).add(inside)
                with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                    xattrs = _xattrs(file.fileno())
            seen[inside] = (found, target, xattrs, content)
        os.close(fd)
    return {
        path: Seen(
            found.st_mode,
            (found.st_uid, found.st_gid),
            found.st_mtime_ns,
            found.st_size if content else None,
            found.st_rdev if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode) else None,
            target,
            xattrs,
            content,
            frozenset(names.get((found.st_dev, found.st_ino), ())),
        )
        for path, (found, target, xattrs, content) in seen.items()
    }


def _xattrs(fd):
    return {name: os.getxattr(fd, name) for name in os.listxattr(fd)}


def contents(root):
    """{path: content} of the regular files below a pathlib.Path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def make_everything(root):
    """Every kind of file, attribute and name that this account may make."""
    root.mkdir()
    (root / "empty").touch()
    (root / "small").write_bytes(b"small\n")
    (root / "long").write_bytes(os.urandom(3 << 20) + bytes(range(256)) * 4096)
    with (root / "sparse").open("wb") as sparse:
        sparse.seek(40 << 20)
        sparse.write(b"in the middle")
        sparse.truncate(64 << 20)
    (root / "link").symlink_to("small")
    (root / "broken").symlink_to(os.fsdecode(b"/nowhere/\xff\xfe"))
    (root / "other name of small").hardlink_to(root / "small")
    (root / "directory").mkdir()
    (root / "directory" / "name of long").hardlink_to(root / "long")
    (root / os.fsdecode(b"\xff\xfe not UTF-8")).write_bytes(b"1")
    (root / 'new\nline, "quote" \\ and \u2028').write_bytes(b"2")
    (root / ("n" * 255)).write_bytes(b"3")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()  # a socket's path must be short
        os.chdir(root)
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
    os.setxattr(root / "small", "user.colour", b"green\0\xff")
    os.setxattr(root / "directory", "user.empty", b"")
    (root / "read only").write_bytes(b"4")
    os.setxattr(root / "read only", "user.note", b"set before the mode")
    (root / "read only").chmod(0o444)
    (root / "nothing allowed").write_bytes(b"5")
    (root / "set user").write_bytes(b"6")
    (root / "sticky").mkdir()
    if ROOT:
        os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(7, 200))
        os.chown(root / "set user", 1234, 4321)
        os.chown(root / "link", 1234, 4321, follow_symlinks=False)
        os.chown(root / "sticky", 5, 6)
        (root / "nothing allowed").chmod(0)
    (root / "set user").chmod(0o6755)
    (root / "sticky").chmod(0o3777)
    make_deep(root / "deep", b"d", DEPTH)
    (root / "crowd").mkdir()
    for number in range(CROWD):
        (root / "crowd" / f"{number:05}").write_bytes(b"%d" % (number // 2))
    for name, moment in (("small", NANOSECONDS), ("empty", -1_500_000_001), ("fifo", NANOSECONDS + 1), ("long", 0)):
        os.utime(root / name, ns=(moment, moment))
    os.utime(root / "link", ns=(NANOSECONDS, NANOSECONDS + 2), follow_symlinks=False)
    os.utime(root / "directory", ns=(NANOSECONDS, NANOSECONDS + 3))
    return root


def make_deep(root, name, depth):
    """`depth` directories in one another, with a file in the last; the path may be longer than a path can be."""
    root.mkdir()
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    file = os.open(b"bottom", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(file, b"deep down")
    os.close(file)
    os.close(fd)
