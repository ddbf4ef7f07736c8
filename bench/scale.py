"""How time per file and memory grow with the number of files: trees of 10,000, 100,000 and 1,000,000 small ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import trees
from bench.comparison import Measure, Pick, beside, details, seconds, values
from bench.files import WORDS
from bench.row import Row
from bench.trees import Tree
from bench.trials import Seen, Step, Trials

COUNTS = (10_000, 100_000, 1_000_000)
_LONG = 100_000
"""Above this only what is asked for: restores, and restic, take many minutes."""


def rows(trials: Trials, directory: Path, *, largest: int | None, full: bool) -> Iterator[Row]:
    """Makes the trees in the directory. Raises what Trials.of raises."""
    for count in COUNTS:
        if largest is None or count <= largest:
            tree = trees.many(directory / "many", count=count, say=trials.say)
            yield from _of(trials, tree, is_short=count <= _LONG or full)
            shutil.rmtree(tree.path)


def _of(trials: Trials, tree: Tree, *, is_short: bool) -> Iterator[Row]:
    steps = tuple(Step) if is_short else (Step.FIRST, Step.AGAIN)
    peers = trials.peers if is_short else ()
    measure = replace(trials, peers=peers).of(tree, steps)
    for step in steps:
        yield _row(tree, step, measure)


def _row(tree: Tree, step: Step, measure: Measure) -> Row:
    per_file = _per_file(step, tree.files)
    return Row(
        id=f"scale-{step}-{tree.files}",
        what=f"{WORDS[step]}, {tree.files:,} files",
        values=list(per_file(measure["holdfast"])),
        unit="µs/file",
        more_is_better=False,
        peer=beside(measure, per_file, "µs/file", ("restic",)),
        peer_values=values(measure, "restic", per_file),
        details={"files": tree.files} | details(measure, step),
    )


def _per_file(step: Step, files: int) -> Pick:
    def pick(seen: Seen) -> list[float]:
        return [one * 1e6 / files for one in seconds(step)(seen)]

    return pick
