"""What the audience sees: headings, commands with their real output, and a table of what was done and how long it took."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text


class CommandFailed(Exception):
    """A command of the demonstration ended with an error; its output was shown."""


class Stage:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._environment: dict[str, str] = {}
        self._steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Measures what is done inside. Only finished steps are in the table."""
        self._console.print()
        self._console.print(Text(f"── {len(self._steps) + 1}. {title} ", style="bold cyan"))
        started = time.monotonic()
        yield
        self._steps.append((title, time.monotonic() - started))

    def say(self, line: str = "") -> None:
        self._console.print(Text(line), soft_wrap=True)

    def fail(self, line: str) -> None:
        self._console.print(Text(line, style="bold red"), soft_wrap=True)

    def export(self, variables: Mapping[str, str]) -> None:
        """Set variables for all commands that follow, and show it as a user would type it."""
        self._environment.update(variables)
        for name, value in variables.items():
            self._prompt(f"export {name}={shlex.quote(value)}")

    def run(self, *command: str | Path, lines: int | None = None) -> str:
        """Run a command as a user would, and give its output, both streams in the order in which they came.

        `lines`: how much of a long output is shown. `holdfast` is the one installed beside this Python.
        Raises CommandFailed unless it ends with 0.
        """
        shown = _shown(command)
        self._prompt(shown)
        done = self._execute(command, subprocess.STDOUT)
        output = [line.rstrip() for line in done.stdout.splitlines()]
        if done.returncode or lines is None or len(output) <= lines + 2:
            for line in output:
                self.say(line)
        else:
            # The beginning shows the shape, the end has the result.
            for line in output[: lines - 2]:
                self.say(line)
            self._console.print(Text(f"… {len(output) - lines:,} more lines", style="dim"))
            for line in output[-2:]:
                self.say(line)
        if done.returncode:
            raise CommandFailed(f"`{shown}` ended with exit code {done.returncode}")
        return done.stdout

    def ask(self, *command: str | Path) -> str:
        """The standard output of a command that the audience does not see. Raises CommandFailed unless it ends with 0."""
        done = self._execute(command, subprocess.PIPE)
        if done.returncode:
            raise CommandFailed(f"`{_shown(command)}` ended with exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _execute(self, command: Sequence[str | Path], errors: int) -> subprocess.CompletedProcess[str]:
        argv = [str(word) for word in command]
        if argv[0] == "holdfast":
            argv[0] = str(Path(sysconfig.get_path("scripts")) / "holdfast")
        return subprocess.run(
            argv,
            env=os.environ | self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            check=False,
        )

    def show_table(self) -> None:
        self._console.print()
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("STEP", justify="right")
        table.add_column("WHAT WAS DONE")
        table.add_column("SECONDS", justify="right")
        for number, (title, seconds) in enumerate(self._steps, start=1):
            table.add_row(str(number), title, f"{seconds:.1f}")
        table.add_row("", "all together", f"{sum(seconds for _, seconds in self._steps):.1f}", style="bold")
        self._console.print(table)

    def _prompt(self, command: str) -> None:
        self._console.print(Text(f"$ {command}", style="bold"), soft_wrap=True)


def _shown(command: Sequence[str | Path]) -> str:
    return shlex.join(Path(command[0]).name if not n else str(word) for n, word in enumerate(command))
