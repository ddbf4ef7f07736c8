"""Running the `holdfast` command as a user does, as a process of its own, and measuring it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_LAUNCHER = Path(__file__).parent / "launcher.py"


class CommandFailed(Exception):
    """It ended with another exit code than 0."""


class Used(NamedTuple):
    seconds: float
    cpu: float  # seconds of all threads, in the program and in the kernel
    peak: int  # bytes of resident memory


@dataclass(frozen=True, slots=True)
class Command:
    """One `holdfast` program with its environment."""

    program: Path
    environment: dict[str, str]

    @classmethod
    def beside_python(cls, kubeconfig: Path | None = None, repository: Path | None = None) -> Command:
        """The one that is installed where this interpreter is."""
        return cls(Path(sys.executable).parent / "holdfast", _environment(kubeconfig, repository))

    def run(self, *arguments: str) -> tuple[Used, Any]:
        """(what it used, its answer with `-o json`). Raises CommandFailed."""
        with tempfile.TemporaryDirectory() as directory:
            result = Path(directory, "used.json")
            wrapped = [sys.executable, "-I", "-S", str(_LAUNCHER), str(result), str(self.program), *arguments]
            ended = subprocess.run(wrapped, env=self.environment, capture_output=True, check=False)
            if not result.exists():
                raise CommandFailed(f"{self.program} does not start: {ended.stderr.decode()}")
            used = json.loads(result.read_text())
        if used["exit_code"] != 0:
            raise CommandFailed(
                f"holdfast {' '.join(arguments)} ended with {used['exit_code']}: {ended.stderr.decode()}"
            )
        answer = json.loads(ended.stdout) if "json" in arguments else None
        return Used(used["seconds"], used["cpu"], used["peak"]), answer


def _environment(kubeconfig: Path | None, repository: Path | None) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "KUBE"))}
    if kubeconfig:
        environment["KUBECONFIG"] = str(kubeconfig)
    if repository:
        environment["HOLDFAST_REPOSITORY"] = str(repository)
        environment["HOLDFAST_PASSWORD"] = "bench"
    return environment
