"""How many processors this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def processors(cgroup: Path = _CGROUP) -> int:
    """At least 1. A container's limit counts, rounded up: more threads than that only take turns.

    Source: Linux's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and cgroup-v1 (cpu.cfs_quota_us).
    """
    return max(1, min(len(os.sched_getaffinity(0)), _limit(cgroup)))


def _limit(cgroup: Path) -> int:
    quota, period = "max", ""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            pass
    if not quota.isdecimal() or not period.isdecimal() or period == "0":
        return 1 << 16  # no limit: "max" in version 2, -1 in version 1
    return -(-int(quota) // int(period))
