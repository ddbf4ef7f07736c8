"""Where finished programs are kept between runs: one directory per key, complete or absent.

The cache belongs to the user and lives outside the checkout. A key names everything that the content depends on, so an
entry is never changed after it appeared, and deleting the whole cache at any time costs only the time to build again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]
"""Takes one line that tells the user what is going on."""


def to_terminal(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def root() -> Path:
    """`HOLDFAST_TESTBED_CACHE`, else `holdfast-testbed` in the user's cache directory."""
    if chosen := os.environ.get("HOLDFAST_TESTBED_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast-testbed"


def has(key: str) -> bool:
    return (root() / key).is_dir()


def digest(*parts: str) -> str:
    """For keys: twelve digits that are others when any of these changes."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def provide(key: str, make: Callable[[Path], None], say: Say) -> Path:
    """The directory of `key`; if it is not there yet, `make` fills an empty one first.

    Two processes that ask for the same key at the same time build it once: the second waits for the first. A directory
    gets its final name only when `make` has returned, so a killed builder leaves nothing that looks finished.
    """
    entry = root() / key
    if entry.is_dir():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (root() / f"{key}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes {key}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not entry.is_dir():
            unfinished = root() / f"{key}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(entry)
    return entry
