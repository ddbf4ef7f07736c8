"""restic in two versions, from Debian: 0.14 of Debian 12, and what Debian sid has (0.19)."""

from __future__ import annotations

from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say, to_terminal

OLD, NEW = debian.BOOKWORM, debian.SID
"""Debian suites, the values for `binary`."""


def binary(suite: str, say: Say = to_terminal) -> Path:
    """Path of the restic of a Debian suite. Raises ToolMissing, SetupFailed."""

    def fetch(directory: Path) -> None:
        say(f"fetching restic of Debian {suite}, about 5 s")
        debian.unpack(["restic"], suite, directory)

    return cache.provide(f"restic-{suite}", fetch, say) / "usr/bin/restic"
