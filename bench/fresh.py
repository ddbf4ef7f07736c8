"""A file system on which nothing has been created yet, to restore onto.

ext4 creates files up to twenty times slower after many were removed from it, so one that is used run after run measures its own
history.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_IMAGE_BYTES = 4 << 30  # sparse


class Kind(StrEnum):
    TMPFS = "tmpfs"
    EXT4 = "ext4"


@contextmanager
def file_system(kind: Kind, directory: Path) -> Iterator[Path]:
    """An empty directory on a new file system below `directory`; it is gone afterwards.

    Without root's rights a new directory in /dev/shm stands for the new tmpfs. Raises CalledProcessError if ext4 cannot be
    mounted.
    """
    if kind is Kind.TMPFS and os.geteuid() != 0:
        with tempfile.TemporaryDirectory(dir=_SHARED_MEMORY, prefix="holdfast-bench-") as path:
            yield Path(path)
        return
    place, image = Path(tempfile.mkdtemp(dir=directory)), directory / "fresh.ext4"
    try:
        if kind is Kind.TMPFS:
            _run("mount", "-t", "tmpfs", "-o", "mode=0700,nr_inodes=0", "holdfast-bench", place)
        else:
            _make_ext4(image)
            _run("mount", "-o", "loop", image, place)
    except BaseException:
        place.rmdir()
        image.unlink(missing_ok=True)
        raise
    target = place / "target"  # ext4 has a directory of its own in its root
    try:
        target.mkdir()
        yield target
    finally:
        _run("umount", place)
        place.rmdir()
        image.unlink(missing_ok=True)


def _make_ext4(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    # Everything is written now: what ext4 puts off until it is mounted would run beside what is measured.
    _run("mkfs.ext4", "-q", "-N", "1300000", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
