"""How long `holdfast --help` takes: in this environment, and installed by pip into an empty one as users have it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from bench.command import Command
from bench.row import Row

_CHECKOUT = Path(__file__).parent.parent
_RUNS_PER_RUN = 5  # one takes a twentieth of a second


def here(*, runs: int) -> Row:
    return _row("help", "holdfast --help", Command.beside_python(), runs)


def installed(directory: Path, *, runs: int) -> Row:
    """Installs what pip takes from package registries first."""
    place = directory / "installed"
    venv.create(place)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(place)]
    subprocess.run([*pip, "install", str(_CHECKOUT)], check=True)
    program = Command(place / "bin" / "holdfast", Command.beside_python().environment)
    return _row("installed", "holdfast --help, installed by pip", program, runs)


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
