"""One command in a process of its own, and what befalls it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.faults.doomed import ended, is_stopped, start

from soak.places import Place

LOCKED = 11  # exit code of RepositoryLocked


class Fate(StrEnum):
    LIVES = "lives"
    KILLED = "is killed"
    STOPPED = "is stopped"
    FAULTS = "meets faults"


class SomethingIsWrong(Exception):
    """What must not happen, happened."""


@dataclass(slots=True, kw_only=True)
class Errand:
    """`moment` is the operation of the store at which it is killed or stopped, if it has so many."""

    arguments: Sequence[str]
    fate: Fate
    moment: int
    shift: float  # seconds by which its clock is wrong
    name: str = ""  # of the backup that it makes
    may_fail: bool = False  # others may take away what it is about
    code: int | None = None
    output: str = ""
    errors: str = ""
    _child: subprocess.Popen[str] | None = None
    _clock: Path = field(default=Path())

    def begin(self, place: Place, number: int) -> None:
        self._clock = place.scratch / f"clock-{number}"
        self._clock.write_text(str(self.shift))
        environ = {**place.environ, "HOLDFAST_TEST_CLOCK": str(self._clock)}
        if self.fate is Fate.FAULTS:
            environ["HOLDFAST_TEST_FAULTS"] = str(self.moment)
        number_of_signal = "SIGSTOP" if self.fate is Fate.STOPPED else "SIGKILL"
        moment = self.moment if self.fate in (Fate.KILLED, Fate.STOPPED) else 0
        arguments = *self.arguments, "--progress", "none", "-o", "json"
        self._child = start(number_of_signal, "store", moment, place.url, "/dev/null", *arguments, environ=environ)

    def wait(self) -> bool:
        """Until it has ended, or is stopped; returns whether it is stopped."""
        if self.fate is Fate.STOPPED and is_stopped(self._child):
            return True
        self._end()
        return False

    def go_on(self, shift: float) -> None:
        """After a stop."""
        assert self._child is not None
        self._clock.write_text(str(shift))
        self._child.send_signal(signal.SIGCONT)
        self._end()

    def give_up(self) -> None:
        if self._child is not None and self.code is None:
            self._child.kill()
            self._end()

    def _end(self) -> None:
        self.code, self.output, self.errors = ended(self._child)

    @property
    def faults(self) -> int:
        """How many it met."""
        found = re.search(r"^(\d+) faults$", self.errors, re.MULTILINE)
        return int(found[1]) if found else 0

    def judge(self, *, was_stopped: bool) -> None:
        """Raises SomethingIsWrong if it ended as it must not."""
        if "Traceback" in self.errors:
            raise SomethingIsWrong(f"a command crashed: {self}")
        was_disturbed = was_stopped or self.fate is Fate.FAULTS or self.may_fail
        if self.code not in (0, LOCKED, -signal.SIGKILL) and not was_disturbed:
            raise SomethingIsWrong(f"a command failed that nobody disturbed: {self}")

    def __str__(self) -> str:
        said = " ".join(self.errors.split())
        return f"{' '.join(self.arguments)} ({self.fate}, {self.moment}, clock {self.shift:+.0f} s): {self.code} {said}"
