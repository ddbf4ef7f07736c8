"""A temporary directory with servers running in it, which end, and it with them, when its owner ends.

It is the one way in which the testbed starts anything that keeps running.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from testbed import cgroups
from testbed.errors import SetupFailed
from testbed.processes import ProcessId

CHECKOUT = Path(__file__).parent.parent
_LOG_LINES = 15
_SUPERVISOR = "supervisor"


def root() -> Path:
    """The directory that holds all workspaces of this user: `HOLDFAST_TESTBED_RUNTIME`, else one in the temporary
    directory. It is closed to other users, for it holds administrators' keys.
    """
    chosen = os.environ.get("HOLDFAST_TESTBED_RUNTIME")
    path = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"holdfast-testbed-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise SetupFailed(f"{path} is not ours", why="another user made it", next="Set HOLDFAST_TESTBED_RUNTIME.")
    return path


class Workspace:
    """Use `open`; then `start` servers; then either `stop`, or `detach` and leave them to `python -m testbed down`."""

    def __init__(self, directory: Path, supervisor: subprocess.Popen[str]) -> None:
        self.directory = directory
        self._supervisor = supervisor
        self._processes: dict[str, ProcessId] = {}
        self._one_request = threading.Lock()

    @classmethod
    def open(cls, name: str, *, group: str | None = None) -> Self:
        """An empty workspace owned by this process.

        With `group` its directory is called exactly `name` (SetupFailed if that exists), for `detach` later; without,
        a random ending makes it unique.
        """
        directory = root() / (name if group is not None else f"{name}-{secrets.token_hex(3)}")
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            raise SetupFailed(
                f"{name} exists already",
                why=str(directory),
                next=f"Choose another --name, or run `python -m testbed down --name {group}`.",
            ) from None
        # A log of its own: with the caller's standard error a detached supervisor would keep `up 2>&1 | tail` from ending.
        with (directory / f"{_SUPERVISOR}.log").open("wb") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "testbed.supervisor", str(directory), group or ""],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=CHECKOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for the owner; it decides what happens to us
            )
        return cls(directory, supervisor)

    def start(self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start a server in the directory; its output goes to `name`.log there. Secrets belong in `environment`."""
        request = {"start": name, "argv": [str(word) for word in argv], "environment": dict(environment or {})}
        answer = self._ask(request)
        if "error" in answer:
            raise SetupFailed(f"{name} does not start", why=answer["error"])
        self._processes[name] = ProcessId(answer["pid"], answer["started"])

    @property
    def processes(self) -> dict[str, ProcessId]:
        return dict(self._processes)

    def check_alive(self) -> None:
        """Raise SetupFailed, with the end of its log, if one of the servers has ended."""
        for name, process in self._processes.items():
            if not process.alive():
                raise SetupFailed(f"{name} ended", why=self.end_of_log(name))

    def end_of_log(self, name: str) -> str:
        lines = (self.directory / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def detach(self) -> None:
        """Let the servers live on when this process ends."""
        self._ask({"detach": True})

    @contextmanager
    def stopped_on_error(self) -> Iterator[None]:
        """While a server is being brought up: an error must not leave the others running until the owner ends."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything and remove the directory; returns when that is done. May be called twice."""
        for stream in (self._supervisor.stdin, self._supervisor.stdout):
            assert stream is not None
            stream.close()
        self._supervisor.wait()
        # Only where the supervisor itself was killed is there still something to remove.
        cgroups.remove(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        with self._one_request:
            try:
                self._supervisor.stdin.write(json.dumps(request) + "\n")
                self._supervisor.stdin.flush()
                line = self._supervisor.stdout.readline()
            except BrokenPipeError:
                line = ""
        if not line:
            log = self.directory / f"{_SUPERVISOR}.log"
            last_words = self.end_of_log(_SUPERVISOR) if log.exists() else ""
            raise SetupFailed("the supervisor ended", why=last_words or f"of {self.directory}")
        answer: dict[str, Any] = json.loads(line)
        return answer
