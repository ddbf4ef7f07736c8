"""The file trees that are backed up and restored: a few long files, and many small ones.

The same numbers give the same content in every run: lines of a web server's log, which compress, and random bytes, which do not.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

BIG_BYTES = 1_021_000_000
BIG_FILES = 8
SMALL_FILES = 20_000
SMALL_DIRECTORIES = 200

_BLOCK = 1 << 20
_MANY_PER_DIRECTORY = (100, 1000)
_SERVICES = ("auth", "billing", "cart", "catalogue", "checkout", "frontend", "inventory", "mail", "orders", "search")
_LEVELS = ("INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR")
_VERBS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_RESOURCES = ("items", "users", "orders", "carts", "prices", "sessions", "images", "reviews")
_STATUSES = (200, 200, 200, 200, 201, 204, 304, 400, 404, 500)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "curl/8.14.1",
    "kube-probe/1.34",
    "python-urllib3/2.5.0",
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that was made here."""

    name: str
    path: Path
    files: int
    bytes: int


def big(directory: Path, *, size: int = BIG_BYTES, seed: int = 1) -> Tree:
    """Half of the files log, half random, together about `size` bytes."""
    directory.mkdir(parents=True)
    each, written = size // BIG_FILES, 0
    for number in range(BIG_FILES):
        chosen = random.Random(f"{seed}/big/{number}")
        source = log_lines(chosen) if number % 2 == 0 else random_blocks(chosen)
        kind = "log" if number % 2 == 0 else "bin"
        with (directory / f"{number}.{kind}").open("wb") as file:
            for block in _up_to(each, source):
                written += file.write(block)
    return Tree("big", directory, BIG_FILES, written)


def small(directory: Path, *, count: int = SMALL_FILES, directories: int = SMALL_DIRECTORIES, seed: int = 1) -> Tree:
    """`count` files of 0.2 to 8 KB, spread evenly: half of them text, half text and random bytes mixed."""
    chosen = random.Random(f"{seed}/small")
    lines = log_lines(chosen)
    text, written = next(lines), 0
    for number in range(count):
        place = directory / f"{number % directories:03d}"
        if number < directories:
            place.mkdir(parents=True)
        length = int(200 * 40 ** chosen.random())  # as often between 0.2 and 0.4 KB as between 4 and 8
        start = chosen.randrange(len(text) - length)
        content = text[start : start + length]
        if number % 2:
            content = content[: length // 2] + chosen.randbytes(length - length // 2)
        if number % 500 == 499:
            text = next(lines)
        written += (place / f"{number:05d}.dat").write_bytes(content)
    return Tree("small", directory, count, written)


def many(directory: Path, *, count: int, seed: int = 1, say: Callable[[str], None] = lambda _: None) -> Tree:
    """`count` files of 0.1 to 2 KB in directories of 100 to 1,000."""
    chosen = random.Random(f"{seed}/many")
    pool = next(log_lines(chosen)) + chosen.randbytes(_BLOCK)
    number = written = 0
    while number < count:
        place = directory / f"{number // 100_000:02d}" / f"{number:07d}"
        place.mkdir(parents=True)
        for _ in range(min(chosen.randint(*_MANY_PER_DIRECTORY), count - number)):
            length = chosen.randint(100, 2000)
            start = chosen.randrange(len(pool) - length)
            # Its number makes each file's content the only one of its kind, however long the pool is.
            written += (place / f"{number:07d}").write_bytes(b"%d\n" % number + pool[start : start + length])
            number += 1
            if number % 100_000 == 0:
                say(f"{number:,} of {count:,} files are made")
    return Tree(f"many-{count}", directory, count, written)


def log_lines(chosen: random.Random) -> Iterator[bytes]:
    """Endless blocks of about 1 MiB."""
    milliseconds = 1_767_225_600_000
    while True:
        lines, size = [], 0
        while size < _BLOCK:
            milliseconds += chosen.randrange(40)
            line = _log_line(chosen, milliseconds)
            lines.append(line)
            size += len(line)
        yield "".join(lines).encode()


def random_blocks(chosen: random.Random) -> Iterator[bytes]:
    """Endless blocks of 1 MiB."""
    while True:
        yield chosen.randbytes(_BLOCK)


def _log_line(chosen: random.Random, milliseconds: int) -> str:
    # One number of many digits is much cheaper than many small ones.
    dice = chosen.getrandbits(304)
    seconds, rest = divmod(milliseconds, 1000)
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    return (
        f"2026-01-01T{hours:02d}:{minutes:02d}:{seconds % 60:02d}.{rest:03d}Z {_LEVELS[dice & 7]:<5} "
        f"{_SERVICES[(dice >> 3) % 10]}-{(dice >> 8) & 0x3F:02x} "
        f"trace={dice >> 176:032x} span={(dice >> 112) & (1 << 64) - 1:016x} "
        f"10.{(dice >> 14) & 3}.{(dice >> 20) & 15}.{(dice >> 24) & 255} "
        f"{_VERBS[(dice >> 48) % 6]} /api/v1/{_RESOURCES[(dice >> 52) & 7]}/{(dice >> 56) & 0xFFFF} "
        f"{_STATUSES[(dice >> 72) % 10]} {(dice >> 76) & 0xFFF}ms {(dice >> 88) & 0x7FFF}B "
        f'"{_AGENTS[(dice >> 104) % 5]}"\n'
    )


def _up_to(size: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """`size` bytes of them."""
    while size > 0:
        block = next(blocks)[:size]
        size -= len(block)
        yield block


def differences(source: Path, restored: Path) -> Iterator[str]:
    """What a restored tree has not as its source has it: names, types, content, modes, modification times."""
    if not restored.is_dir():
        yield f"{restored} is not restored"
        return
    ours, theirs = ({entry.name: entry for entry in os.scandir(place)} for place in (source, restored))
    yield from (f"{source / name} is not restored" for name in sorted(ours.keys() - theirs.keys()))
    yield from (f"{restored / name} is not in the source" for name in sorted(theirs.keys() - ours.keys()))
    for name in sorted(ours.keys() & theirs.keys()):
        one, other = ours[name].stat(follow_symlinks=False), theirs[name].stat(follow_symlinks=False)
        if (one.st_mode, one.st_mtime_ns) != (other.st_mode, other.st_mtime_ns):
            yield f"{restored / name} has another type, mode or modification time"
        if ours[name].is_dir():
            yield from differences(source / name, restored / name)
        elif theirs[name].is_file() and not _same_content(source / name, restored / name):
            yield f"{restored / name} has another content"


def _same_content(ours: Path, theirs: Path) -> bool:
    if ours.stat().st_size != theirs.stat().st_size:
        return False
    with ours.open("rb") as one, theirs.open("rb") as other:
        return all(block == other.read(_BLOCK) for block in iter(lambda: one.read(_BLOCK), b""))


def first_of(items: Iterator[str], count: int = 3) -> str:
    """The first few, for an error message; empty if there is none."""
    return "; ".join(islice(items, count))
