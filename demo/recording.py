"""Commands and what they print to a terminal, recorded as a picture."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from testbed.cache import to_terminal

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
_COLUMNS = 118


class Recording:
    """Runs programs that were installed beside this Python, in a terminal, with these variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._console = Console(record=True, file=io.StringIO(), width=_COLUMNS, highlight=False)

    def run(self, *command: str, lines: int = 9) -> None:
        """A command with its output, of which the middle is left out if it is longer than `lines`."""
        self._console.print(Text.assemble(("$ ", "green"), (" ".join(command), "bold")))
        output = self.output(*command)
        shown = output if len(output) <= lines + 2 else [*output[: lines - 2], None, *output[-2:]]
        for line in shown:
            skipped = Text(f"… {len(output) - lines} more lines", style="dim")
            self._console.print(skipped if line is None else Text.from_ansi(line))
        self._console.print()

    def say(self, line: str) -> None:
        """A comment between commands."""
        self._console.print(Text(f"# {line}", style="dim"))

    def output(self, *command: str) -> list[str]:
        """The same without a trace in the picture."""
        return _in_terminal([str(Path(sysconfig.get_path("scripts")) / command[0]), *command[1:]], self._environment)

    def save(self, name: str) -> None:
        """Writes docs/pictures/NAME.svg."""
        picture = PICTURES / f"{name}.svg"
        picture.parent.mkdir(exist_ok=True)
        svg = self._console.export_svg(title="holdfast", theme=MONOKAI, unique_id=name)
        picture.write_text(_without_fonts(svg), encoding="utf-8")
        to_terminal(f"wrote {picture}")


def _in_terminal(argv: list[str], environment: Mapping[str, str]) -> list[str]:
    """The lines, with their colours, that a program prints to a terminal; what a progress bar left is not among them."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(_COLUMNS), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | dict(environment) | size
    ) as child:
        os.close(theirs)
        output = b""
        while received := _read(ours):
            output += received
    os.close(ours)
    if child.returncode:
        sys.exit(output.decode(errors="replace"))
    return [line.rpartition("\r\033[K")[2] for line in output.decode().replace("\r\n", "\n").rstrip("\n").split("\n")]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other side of a terminal was closed
        return b""


def _without_fonts(svg: str) -> str:
    """The reader's own monospace font instead of one from the network."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
