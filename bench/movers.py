"""A volume through a mover, beside the same tree through `backup files` and `restore files`, which run where the data is.

What is measured is a Program: `Mover` runs the command of a mover's pod here. One that starts a pod with the same data takes its
place, or a place beside it, in `rows`.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import trees
from bench.command import Used, measured
from bench.comparison import Pick, peaks, seconds
from bench.programs import Holdfast, Repository
from bench.row import Row, number
from bench.trees import Tree
from bench.trials import Seen, Step, Trials

FILES = 100_000
VOLUME = "bench/data"
_SPEED = 0.8
"""Of the direct way: a volume through a mover must reach it."""
_MEMORY = 250  # MB
_WORDS = {Step.FIRST: "first backup", Step.AGAIN: "unchanged again", Step.RESTORE: "restore"}


class Mover(Holdfast):
    """`holdfast mover` without its pod."""

    name = "mover"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._parts: dict[str, str] = {}  # URL of a repository → the newest part in it
        self.said: list[int] = []  # how much memory each run said it took, in bytes

    def environment(self, repository: Repository) -> dict[str, str]:
        return super().environment(repository) | {"HOLDFAST_CLUSTER_NAME": "bench"}

    def back_up(self, repository: Repository, tree: Path) -> Used:
        parent = self._parts.get(repository.url)
        given = ["--parent", parent] if parent else []
        used, result = self._moved(repository, "read", "--root", tree, *given)
        self._parts[repository.url] = result["part"]
        return used

    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        del tree
        return self._moved(repository, "write", "--backup", self._parts[repository.url], "--root", target)[0]

    def restored(self, tree: Path, target: Path) -> Path:
        del tree
        return target

    def _moved(self, repository: Repository, verb: str, *arguments: str | Path) -> tuple[Used, dict[str, str]]:
        command = [self.path, "mover", verb, "--run", "bench", "--volume", VOLUME, *arguments]
        used, output = measured(command, self.environment_of(repository))
        result = json.loads(output.splitlines()[-1])
        self.said.append(result["peakMemory"])
        return used, result


def volumes(directory: Path) -> Iterator[Tree]:
    """The data of all rows, one after the other; each is removed when the next is asked for."""
    small = replace(trees.many(directory / "many", count=FILES), name="small")
    yield small
    shutil.rmtree(small.path)
    yield (big := trees.big(directory / "big"))
    shutil.rmtree(big.path)


def rows(trials: Trials, given: Iterator[Tree] | Sequence[Tree]) -> Iterator[Row]:
    """`trials` are of `backup files`. Raises what Trials.of raises."""
    mover, direct = Mover(trials.ours.path), trials.ours
    largest: list[list[float]] = []
    for tree in given:
        seen = replace(trials, ours=mover, peers=[direct]).of(tree, tuple(Step))
        for step in Step:
            yield _speed(tree, step, seen[mover.name], seen[direct.name])
            largest.append(list(peaks(step)(seen[mover.name])))
    yield Row(
        id="movers-memory",
        what="memory of a mover, all processes",
        values=[max(run) for run in zip(*largest, strict=True)],
        unit="MB",
        floor=_MEMORY,
        more_is_better=False,
        peer=f"it says itself {number(max(mover.said) / 1e6)} MB",
    )


def _speed(tree: Tree, step: Step, through: Seen, direct: Seen) -> Row:
    pick = seconds(step)
    return Row(
        id=f"movers-{tree.name}-{step}",
        what=f"speed of a mover ÷ directly: {_WORDS[step]}, {tree.name}",
        values=[theirs / ours for ours, theirs in zip(pick(through), pick(direct), strict=True)],
        unit="×",
        floor=_SPEED if step is Step.FIRST else None,
        more_is_better=True,
        peer=f"{_median(through, pick)} s; directly {_median(direct, pick)} s",
        peer_values=pick(direct),
        details={"peakMB": statistics.median(peaks(step)(through))},
    )


def _median(seen: Seen, pick: Pick) -> str:
    return number(statistics.median(pick(seen)))
