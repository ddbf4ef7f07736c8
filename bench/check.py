"""Checking a repository beside restic: both check the same one, which Holdfast wrote, in turns.

Both do without a cache, but for one row in which restic may use its own, of indexes and directories. There Holdfast has one too,
but believes none when it checks.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.cache import Say

from bench import trees
from bench.command import Used
from bench.programs import Holdfast, Repository, Restic
from bench.row import NOT_RUN, Row, number
from bench.trees import Tree

_FLOOR = 1.25  # of restic's time: 0.8 of its speed
_GOAL = 1.0
MANY = 100_000

_HOLDFAST = ("repository", "check")
_RESTIC = ("check",)
_DATA = ("--read-data",)
_COLD = ("--no-cache",)


@dataclass(frozen=True, slots=True)
class _Level:
    id: str
    what: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    floor: float | None = _FLOOR
    goal: float | None = _GOAL


LEVELS = (
    _Level("structure", "structure", (*_HOLDFAST, *_COLD), (*_RESTIC, *_COLD)),
    _Level("warm", "structure, restic's cache warm", _HOLDFAST, _RESTIC, floor=None, goal=None),
    _Level("data", "all data", (*_HOLDFAST, *_COLD, *_DATA), (*_RESTIC, *_COLD, *_DATA)),
)


@dataclass(frozen=True, slots=True)
class CheckBench:
    """Works below a directory. Everything raises CommandFailed, also if one of the two finds an error."""

    directory: Path
    ours: Holdfast
    restic: Restic | None
    say: Say
    runs: int

    def rows(self) -> Iterator[Row]:
        yield from self.of("mixed", lambda place: [trees.big(place / "big"), trees.small(place / "small")])
        yield from self.of("many", lambda place: [trees.many(place / "many", count=MANY)])

    def of(self, name: str, make: Callable[[Path], Sequence[Tree]]) -> Iterator[Row]:
        """The rows of a repository with one backup of each tree."""
        with tempfile.TemporaryDirectory(dir=self.directory, prefix="check-") as path:
            repository = Repository.local(Path(path, "holdfast"))
            theirs = Repository.at(repository.url, Path(path, "restic"), {})
            self.ours.init(repository)
            with tempfile.TemporaryDirectory(dir=path) as sources:
                for tree in make(Path(sources)):
                    self.ours.back_up(repository, tree.path)
            for level in LEVELS:
                yield from self._rows_of(name, level, repository, theirs)

    def _rows_of(self, name: str, level: _Level, repository: Repository, theirs: Repository) -> Iterator[Row]:
        ours: list[Used] = []
        others: list[Used] = []
        for run in range(self.runs):
            self.say(f"check {name}, {level.what}, run {run + 1} of {self.runs}")
            for program in ("holdfast", "restic") if run % 2 == 0 else ("restic", "holdfast"):
                if program == "holdfast":
                    ours.append(self.ours.run(repository, *level.ours))
                elif self.restic is not None:
                    others.append(self.restic.run(theirs, *level.theirs))
        yield Row(
            id=f"check-{level.id}-{name}",
            what=f"check, {level.what}, {name} ÷ restic",
            values=[one.seconds / other.seconds for one, other in zip(ours, others, strict=False)],
            unit="×",
            more_is_better=False,
            floor=level.floor,
            goal=level.goal,
            peer=f"{_median([one.seconds for one in ours])} s; {_beside([one.seconds for one in others], 's')}",
            peer_values=[one.seconds for one in others],
            details=_details("", ours) | _details("restic", others),
        )
        yield Row(
            id=f"check-{level.id}-{name}-memory",
            what=f"memory, check, {level.what}, {name}",
            values=[one.peak / 1e6 for one in ours],
            unit="MB",
            more_is_better=False,
            peer=_beside([one.peak / 1e6 for one in others], "MB"),
            peer_values=[one.peak / 1e6 for one in others],
        )


def _beside(values: Sequence[float], unit: str) -> str:
    return f"restic {_median(values)} {unit}" if values else f"restic: {NOT_RUN}"


def _median(values: Sequence[float]) -> str:
    return number(statistics.median(values))


def _details(prefix: str, used: Sequence[Used]) -> dict[str, float]:
    if not used:
        return {}
    seconds, processor = ("Seconds", "CpuSeconds") if prefix else ("seconds", "cpuSeconds")
    return {
        prefix + seconds: statistics.median(one.seconds for one in used),
        prefix + processor: statistics.median(one.cpu for one in used),
    }
