"""What of the testbed is on this machine, by the files that the supervisors keep, and how to end it.

A workspace is *owned* while the process that opened it lives, *detached* after `python -m testbed up`, and *left over*
if neither its owner nor its supervisor is there: something was killed that nobody could clean up after.
Processes are found by pid and starting time, never by name.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from testbed import cgroups
from testbed.processes import ProcessId
from testbed.supervisor import STATE_FILE
from testbed.workspace import root

_SECONDS_TO_END = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    directory: Path
    group: str
    """The --name it was started with; empty if it is owned by a process."""
    owner: ProcessId | None
    supervisor: ProcessId
    processes: dict[str, ProcessId]

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def owned(self) -> bool:
        return self.owner is not None and self.owner.alive()

    @property
    def left_over(self) -> bool:
        return not self.owned and not self.supervisor.alive()

    @property
    def running(self) -> dict[str, ProcessId]:
        return {name: process for name, process in self.processes.items() if process.alive()}

    def end(self) -> None:
        """End all of its processes that still are the ones that were started, and remove its directory."""
        self.supervisor.send(signal.SIGTERM)  # it ends its children and removes the directory
        deadline = time.monotonic() + _SECONDS_TO_END
        while self.supervisor.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.supervisor.send(signal.SIGKILL)
        for process in self.processes.values():
            process.send(signal.SIGKILL)
        cgroups.remove(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)


def workspaces() -> list[Found]:
    """All workspaces of this user, by name."""
    found = (_read(path) for path in sorted(root().glob(f"*/{STATE_FILE}")))
    return [workspace for workspace in found if workspace]


def _read(path: Path) -> Found | None:
    try:
        state = json.loads(path.read_text())
    except FileNotFoundError:  # it ended in this moment
        return None
    return Found(
        directory=path.parent,
        group=state["group"],
        owner=ProcessId(*state["owner"]) if state["owner"] else None,
        supervisor=ProcessId(*state["supervisor"]),
        processes={name: ProcessId(*process) for name, process in state["processes"].items()},
    )
