"""Running a program as a user does, as a process of its own, and measuring it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_LAUNCHER = Path(__file__).parent / "launcher.py"


class CommandFailed(Exception):
    """It ended with another exit code than 0."""


class Used(NamedTuple):
    seconds: float
    cpu: float  # seconds of all threads and processes, in the program and in the kernel
    peak: int  # bytes of resident memory, of all its processes at one moment


def measured(argv: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[Used, bytes]:
    """(what it used, its standard output). Raises CommandFailed."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory, "used.json")
        wrapped = [sys.executable, "-I", "-S", str(_LAUNCHER), str(result), *map(str, argv)]
        ended = subprocess.run(wrapped, env=dict(environment), capture_output=True, check=False)
        errors = ended.stderr.decode(errors="replace").strip()
        if not result.exists():
            raise CommandFailed(f"{argv[0]} does not start: {errors}")
        used = json.loads(result.read_text())
    if used["exit_code"] != 0:
        said = errors or ended.stdout.decode(errors="replace").strip()
        raise CommandFailed(
            f"{Path(argv[0]).name} {' '.join(map(str, argv[1:]))} ended with {used['exit_code']}: {said}"
        )
    return Used(used["seconds"], used["cpu"], used["peak"]), ended.stdout


@dataclass(frozen=True, slots=True)
class Command:
    """One `holdfast` program with its environment."""

    program: Path
    environment: dict[str, str]

    @classmethod
    def beside_python(cls, kubeconfig: Path | None = None, repository: Path | None = None) -> Command:
        """The one that is installed where this interpreter is."""
        return cls(beside_python(), _environment(kubeconfig, repository))

    def run(self, *arguments: str) -> tuple[Used, Any]:
        """(what it used, its answer with `-o json`). Raises CommandFailed."""
        used, output = measured([self.program, *arguments], self.environment)
        return used, json.loads(output) if "json" in arguments else None


def beside_python() -> Path:
    """The `holdfast` that is installed where this interpreter is."""
    return Path(sys.executable).parent / "holdfast"


def clean_environment() -> dict[str, str]:
    """Our own, without what would change the programs that are measured."""
    foreign = ("AWS_", "HOLDFAST_", "KOPIA_", "KUBE", "RESTIC_", "RUSTIC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _environment(kubeconfig: Path | None, repository: Path | None) -> dict[str, str]:
    environment = clean_environment()
    if kubeconfig:
        environment["KUBECONFIG"] = str(kubeconfig)
    if repository:
        environment["HOLDFAST_REPOSITORY"] = str(repository)
        environment["HOLDFAST_PASSWORD"] = "bench"
    return environment
