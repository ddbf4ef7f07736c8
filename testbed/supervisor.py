"""The small process that stands between an owner and the servers it started, and ends them when the owner ends.

    python -m testbed.supervisor DIRECTORY GROUP

The owner holds the write end of our standard input. However it ends, SIGKILL included, the kernel closes that end, we
read end-of-file, kill our children and remove DIRECTORY. If we are killed ourselves, the kernel kills our children
(PR_SET_PDEATHSIG). Servers are killed, not asked: their data is thrown away in the next moment.

Each line on standard input is one request, each line on standard output its answer (JSON):
    {"start": NAME, "argv": […], "environment": {…}}  →  {"pid": …, "started": …} or {"error": …}
    {"detach": true}                                  →  {}; from now on end-of-file ends nothing, SIGTERM still does
DIRECTORY/processes.json always tells who we are and what runs, for those who come later (`found.py`).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from testbed import cgroups
from testbed.processes import ProcessId

STATE_FILE = "processes.json"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_REAP_SECONDS = 0.5


class _Supervisor:
    def __init__(self, directory: Path, group: str) -> None:
        self._directory = directory
        self._group = group
        self._owner = ProcessId.of(os.getppid())
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, ProcessId] = {}
        # Not the owner's: its ETCD_*, MINIO_* or AWS_* variables would change what the servers do.
        self._environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory)}
        self._libc = ctypes.CDLL(None)
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def serve(self) -> None:
        """Answer requests until the owner is gone."""
        unread = b""
        while True:
            for child in self._children.values():
                child.poll()
            if not select.select([0], [], [], _REAP_SECONDS)[0]:
                continue
            received = os.read(0, 65536)
            if not received:
                return
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                request = json.loads(line)
                print(json.dumps(self._answer(request)), flush=True)
                if "detach" in request:
                    self._wait_for_signal()

    def end(self) -> None:
        for child in reversed(self._children.values()):
            child.kill()
        for child in self._children.values():
            child.wait()
        self._end_orphans()
        cgroups.remove(self._directory)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end_orphans(self) -> None:
        """End what our children have started and left to us; return when the last has ended, with all it ran in namespaces."""
        ours = Path(f"/proc/self/task/{os.getpid()}/children")
        while orphans := ours.read_text().split():
            for orphan in orphans:
                os.kill(int(orphan), signal.SIGKILL)
            os.wait()

    def write_state(self) -> None:
        """Atomic, so that a reader never meets half a file."""
        unfinished = self._directory / f"{STATE_FILE}.unfinished"
        state = {
            "group": self._group,
            "owner": self._owner,
            "supervisor": ProcessId.of(os.getpid()),
            "processes": self._started,
        }
        unfinished.write_text(json.dumps(state))
        unfinished.rename(self._directory / STATE_FILE)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "detach" in request:
            self._owner = None
            self.write_state()
            return {}
        try:
            return self._start(request["start"], request["argv"], request["environment"])._asdict()
        except OSError as error:
            return {"error": str(error)}

    def _start(self, name: str, argv: list[str], environment: dict[str, str]) -> ProcessId:
        with (self._directory / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._environment | environment,
                preexec_fn=self._die_with_me,  # noqa: PLW1509 - this process has one thread
            )
        self._children[name] = child
        self._started[name] = ProcessId.of(child.pid) or ProcessId(child.pid, "ended at once")
        self.write_state()
        return self._started[name]

    def _die_with_me(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def _wait_for_signal(self) -> None:
        while True:
            for child in self._children.values():
                child.poll()
            select.select([], [], [], _REAP_SECONDS)


def main(directory: str, group: str) -> None:
    # SIGTERM becomes an exception, so that the clean-up below runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    supervisor = _Supervisor(Path(directory), group)
    try:
        supervisor.write_state()
        supervisor.serve()
    finally:
        supervisor.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
