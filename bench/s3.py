"""First backups to an S3 server on the same machine. Recorded only: server and program share the processor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.comparison import beside, both, details, peaks, ratios, seconds, values
from bench.files import WORDS
from bench.row import Row
from bench.trees import Tree
from bench.trials import Step, Trials

_PEERS = ("restic",)


def rows(trials: Trials, trees: Sequence[Tree], server: str) -> Iterator[Row]:
    """Of trials whose place is such a server. Raises what Trials.of raises."""
    for tree in trees:
        measure = trials.of(tree, (Step.FIRST,))
        yield Row(
            id=f"s3-{tree.name}-first",
            what=f"{WORDS[Step.FIRST]} to {server}, {tree.name} ÷ restic",
            values=ratios(measure, "restic", seconds(Step.FIRST)),
            unit="×",
            more_is_better=False,
            peer=both(measure, seconds(Step.FIRST), "s", _PEERS),
            peer_values=values(measure, "restic", seconds(Step.FIRST)),
            details=details(measure, Step.FIRST),
        )
        yield Row(
            id=f"s3-{tree.name}-memory",
            what=f"memory, backup to {server}, {tree.name}",
            values=list(peaks(Step.FIRST)(measure["holdfast"])),
            unit="MB",
            more_is_better=False,
            peer=beside(measure, peaks(Step.FIRST), "MB", _PEERS),
            peer_values=values(measure, "restic", peaks(Step.FIRST)),
        )
