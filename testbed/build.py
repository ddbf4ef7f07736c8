"""Building the pinned programs with the machine's own Go, once per user."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from testbed import cache
from testbed.cache import Say
from testbed.errors import SetupFailed, ToolMissing
from testbed.programs import MODULES, Program

OLDEST_GO = (1, 25)
_SECONDS_BETWEEN_LINES = 30.0
_LINES_KEPT = 20


def ensure(programs: Sequence[Program], say: Say) -> None:
    """Build those that the cache does not have.

    Raises ToolMissing if something must be built and the machine's Go cannot do it; SetupFailed if a build fails.
    """
    missing = [program for program in programs if not cache.has(program.key)]
    if missing:
        check_go()
        if len(missing) > 1:
            say(f"{len(missing)} programs are built once and then kept in {cache.root()}; {_duration(missing)} in all")
    for number, program in enumerate(missing, start=1):
        _provide(program, f"[{number} of {len(missing)}]", say)


def check_go() -> None:
    """Raise ToolMissing unless a Go that is new enough is on the PATH."""
    wanted = f"Go ≥ {OLDEST_GO[0]}.{OLDEST_GO[1]}"
    hint = f"Install {wanted} and put its bin directory on PATH."
    if shutil.which("go") is None:
        raise ToolMissing(wanted, why="no `go` on PATH", next=hint)
    answer = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", answer)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        raise ToolMissing(wanted, why=f"`go version` says {answer.strip() or 'nothing'}", next=hint)


def _provide(program: Program, place: str, say: Say) -> None:
    def make(directory: Path) -> None:
        say(f"{place} building {program.name} {program.version}, {_duration([program])}")
        started = time.monotonic()
        _build(program, directory / program.name, say)
        say(f"{place} built {program.name} {program.version} in {time.monotonic() - started:.0f} s")

    cache.provide(program.key, make, say)


def _build(program: Program, target: Path, say: Say) -> None:
    # -v prints each package as it is compiled: that is the sign of life during the long builds.
    command = ["go", "build", "-v", *program.arguments, "-o", str(target), program.package]
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    started = spoken = time.monotonic()
    with subprocess.Popen(
        command, cwd=MODULES / program.module, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as go:
        assert go.stdout is not None
        for line in go.stdout:
            last.append(line.rstrip())
            if time.monotonic() - spoken > _SECONDS_BETWEEN_LINES:
                spoken = time.monotonic()
                say(f"    {program.name}: {spoken - started:.0f} s, now at {last[-1]}")
    if go.returncode:
        raise SetupFailed(
            f"{program.name} {program.version} could not be built",
            why="\n".join(last),
            next=f"Run `{' '.join(command[:3])} …` in {MODULES / program.module} to see more.",
        )


def _duration(programs: Sequence[Program]) -> str:
    seconds = sum(program.seconds for program in programs)
    return f"about {seconds} s on 2 cores" if seconds < 120 else f"about {round(seconds / 60)} min on 2 cores"
