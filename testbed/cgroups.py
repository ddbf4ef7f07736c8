"""A workspace's own part of the tree of control groups (version 1): where its nodes keep their pods.

Its name follows from the workspace's directory, so that whoever cleans up after a crash finds it.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_SECONDS_TO_EMPTY = 10.0


def name(workspace: Path) -> str:
    return f"holdfast-{workspace.name}-{hashlib.sha256(bytes(workspace)).hexdigest()[:8]}"


def create(workspace: Path, part: str) -> str:
    """Make the group `part` of a workspace in every hierarchy; gives its path as kubelet spells it."""
    for hierarchy in _hierarchies():
        group = hierarchy
        for step in (name(workspace), part):
            parent, group = group, group / step
            group.mkdir(exist_ok=True)
            # A new group may use no processor and no memory until it is told which.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group / setting).exists():
                    (group / setting).write_text((parent / setting).read_text())
    return f"/{name(workspace)}/{part}"


def remove(workspace: Path) -> None:
    """Remove the groups of a workspace whose processes have been killed, or are being killed just now."""
    for hierarchy in _hierarchies():
        top = hierarchy / name(workspace)
        if top.exists():
            for group in sorted([top, *top.rglob("*/")], reverse=True):
                _remove_when_empty(group)


def _hierarchies() -> list[Path]:
    return [path.parent for path in _ROOT.glob("*/cgroup.procs")]


def _remove_when_empty(group: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_EMPTY
    while time.monotonic() < deadline:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
