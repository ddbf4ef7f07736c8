"""How long `holdfast --help` takes: in this environment, and installed by pip into an empty one as users have it."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.command import Command
from bench.row import Row

_CHECKOUT = Path(__file__).parent.parent
_RUNS_PER_RUN = 5  # one takes a twentieth of a second


def rows(directory: Path, *, runs: int) -> Iterator[Row]:
    yield _row("help", "holdfast --help", Command.beside_python(), runs)
    installed = directory / "installed"
    venv.create(installed)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(installed)]
    subprocess.run([*pip, "install", str(_CHECKOUT)], check=True)
    program = Command(installed / "bin" / "holdfast", Command.beside_python().environment)
    yield _row("help-installed", "holdfast --help, installed by pip", program, runs)


def _row(row_id: str, what: str, command: Command, runs: int) -> Row:
    command.run("--help")  # compiles what was never imported
    return Row(
        id=row_id,
        what=what,
        values=[command.run("--help")[0].seconds for _ in range(runs * _RUNS_PER_RUN)],
        unit="s",
        floor=0.25,
        goal=0.15,
        more_is_better=False,
    )
