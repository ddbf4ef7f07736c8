"""Backing up and restoring file trees, beside the programs that people use today: time, size and memory."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.comparison import Measure, Pick, both, details, not_run, peaks, ratios, seconds, sizes, values
from bench.programs import PEERS
from bench.row import Row, number
from bench.trees import Tree
from bench.trials import Step, Trials

WORDS = {Step.FIRST: "first backup", Step.AGAIN: "unchanged again", Step.RESTORE: "restore"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a ratio to restic must reach and is to reach, and what one to kopia is to reach."""

    floor: float | None = None
    goal: float | None = None
    kopia: float | None = None


_LIMITS = {
    ("big", Step.FIRST): Limits(0.65, 0.4, kopia=0.6),
    ("big", Step.AGAIN): Limits(),
    ("big", Step.RESTORE): Limits(0.8, 0.5),
    ("small", Step.FIRST): Limits(0.65, 0.35, kopia=0.35),
    ("small", Step.AGAIN): Limits(0.6, 0.6, kopia=1.0),
    ("small", Step.RESTORE): Limits(0.8, 0.5),
}
_SIZE = Limits(1.01, 1.0)
_MEMORY = Limits(250, 180)


def rows(trials: Trials, trees: Sequence[Tree]) -> Iterator[Row]:
    """Of trees named `big` and `small`. Raises what Trials.of raises."""
    measures = {tree.name: trials.of(tree, tuple(Step)) for tree in trees}
    for name, measure in measures.items():
        for step in Step:
            compared = Compared(f"files-{name}-{step}", f"{WORDS[step]}, {name}", measure, seconds(step), "s")
            yield from compared.rows(_LIMITS[name, step], details(measure, step))
        yield from Compared(f"files-{name}-size", f"repository size, {name}", measure, sizes, "MB").rows(_SIZE)
    yield _memory(measures)


@dataclass(frozen=True, slots=True)
class Compared:
    """One property of all programs."""

    id: str
    what: str
    measure: Measure
    pick: Pick
    unit: str

    def rows(self, limits: Limits, details: dict[str, float] | None = None) -> Iterator[Row]:
        """The ratio to restic, with what all programs did beside it; and that to kopia if it has a goal."""
        yield self._ratio("restic", limits.floor, limits.goal, details or {})
        if limits.kopia is not None:
            yield self._ratio("kopia", None, limits.kopia, {})

    def _ratio(self, peer: str, floor: float | None, goal: float | None, details: dict[str, float]) -> Row:
        is_first = peer == "restic"
        return Row(
            id=self.id if is_first else f"{self.id}-{peer}",
            what=f"{self.what} ÷ {peer}",
            values=ratios(self.measure, peer, self.pick),
            unit="×",
            floor=floor,
            goal=goal,
            more_is_better=False,
            peer=both(self.measure, self.pick, self.unit) if is_first else "",
            peer_values=values(self.measure, peer, self.pick),
            details=details,
        )


def _memory(measures: Mapping[str, Measure]) -> Row:
    """The largest peak of each run, whatever the tree and the step."""
    peak_of = {
        (name, step): statistics.median(peaks(step)(measure["holdfast"]))
        for name, measure in measures.items()
        for step in Step
    }
    beside_it = [
        f"{peer} {number(statistics.median(megabytes))} MB" for peer in PEERS if (megabytes := _largest(measures, peer))
    ]
    return Row(
        id="files-memory",
        what="memory, all processes",
        values=_largest(measures, "holdfast"),
        unit="MB",
        floor=_MEMORY.floor,
        goal=_MEMORY.goal,
        more_is_better=False,
        peer="; ".join([*beside_it, *not_run(next(iter(measures.values())))]),
        peer_values=_largest(measures, "restic"),
        details={f"{name}{step.capitalize()}PeakMB": peak for (name, step), peak in peak_of.items()},
    )


def _largest(measures: Mapping[str, Measure], program: str) -> list[float]:
    """MB, run by run, as far as the program came with all steps."""
    of_steps = [values(measure, program, peaks(step)) for measure in measures.values() for step in Step]
    return [max(run) for run in zip(*of_steps, strict=False)]
