"""`python -m demo.mysql`: MariaDB and its data, under constant writes, from one cluster with nodes to another. Needs root."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from testbed.errors import SetupFailed

from demo.mysql.story import play
from demo.scenario import NotTheSame
from demo.stage import CommandFailed, Stage


def main() -> int:
    """0 if all of it was proved, 1 if not, 130 if it was interrupted."""
    console = Console(highlight=False)
    stage = Stage(console)
    try:
        with ExitStack() as running, tempfile.TemporaryDirectory(prefix="holdfast-demo-") as directory:
            proof = play(stage, running, Path(directory))
    except (CommandFailed, NotTheSame, SetupFailed, TimeoutError) as error:
        stage.fail(f"\nThe demonstration failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    stage.show_table()
    proof.show(console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
