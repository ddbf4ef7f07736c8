"""Processes told apart for certain, so that only what the testbed started is ever ended.

A pid alone is not a name: the kernel gives it out again. A pid together with the time its process started, within one
boot of the machine, is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import NamedTuple


class ProcessId(NamedTuple):
    pid: int
    started: str
    """Boot id and clock ticks since boot; compared for equality only."""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this pid now; None if there is none, or if it is only waiting to be reaped."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The command's name stands in parentheses and may hold spaces and parentheses itself.
        state, *fields = stat.rpartition(")")[2].split()
        if state in "ZX":
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(pid, f"{boot}/{fields[18]}")

    def alive(self) -> bool:
        return ProcessId.of(self.pid) == self

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False if this very process is gone. A process that took over the pid is not touched."""
        with contextlib.suppress(ProcessLookupError):
            # The descriptor holds on to one process, so no other can slip in between the look and the signal.
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.alive():
                    signal.pidfd_send_signal(descriptor, number)
                    return True
            finally:
                os.close(descriptor)
        return False

    def memory(self) -> int:
        """Resident bytes, with those of its children; 0 if the process is gone."""
        return _memory(self.pid)


def _memory(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        children = [
            int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()
        ]
        return int(status.get("VmRSS", "0 kB").split()[0]) * 1024 + sum(map(_memory, children))
    return 0
