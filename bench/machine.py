"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from testbed import programs
from testbed.control_plane import NEWEST

from bench.programs import Program

_MEASURED_LIBRARIES = ("cryptography", "msgspec", "zstandard", "urllib3", "click")


def describe(peers: Sequence[Program]) -> dict[str, str]:
    """Processor, memory, kernel and versions, each as text."""
    return {
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg()),
        "python": platform.python_version(),
        "holdfast": version("holdfast"),
        "kubernetes": programs.KUBERNETES[NEWEST],
        "etcd": f"{programs.ETCD.version}, without fsync",
        **{peer.name: peer.version() for peer in peers},
        "libraries": ", ".join(f"{name} {version(name)}" for name in _MEASURED_LIBRARIES),
    }


def _first(path: str, field: str) -> str:
    """The value of the first line `field : value`."""
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return "unknown"
