"""What several programs did side by side, as ratios and as cells of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.programs import PEERS
from bench.row import NOT_RUN, number
from bench.trials import Seen, Step

Measure = Mapping[str, Seen]
"""By the programs' names; peers that are not on this machine are missing."""

Pick = Callable[[Seen], Sequence[float]]
"""One value for each run."""


def seconds(step: Step) -> Pick:
    return lambda seen: [used.seconds for used in seen.used[step]]


def peaks(step: Step) -> Pick:
    """MB."""
    return lambda seen: [used.peak / 1e6 for used in seen.used[step]]


def sizes(seen: Seen) -> Sequence[float]:
    """MB."""
    return [size / 1e6 for size in seen.sizes]


def values(measure: Measure, name: str, pick: Pick) -> Sequence[float]:
    return pick(measure[name]) if name in measure else ()


def ratios(measure: Measure, peer: str, pick: Pick) -> list[float]:
    """Holdfast ÷ peer, run by run, as far as the peer came."""
    return [ours / theirs for ours, theirs in zip(pick(measure["holdfast"]), values(measure, peer, pick), strict=False)]


def beside(measure: Measure, pick: Pick, unit: str, peers: Sequence[str] = PEERS) -> str:
    """`restic 9.5 s; kopia failed; rustic: peer not run`"""
    cells = [f"{peer} {_median(measure[peer], pick, unit)}" for peer in peers if peer in measure]
    return "; ".join(cells + not_run(measure, peers))


def both(measure: Measure, pick: Pick, unit: str, peers: Sequence[str] = PEERS) -> str:
    """The same after Holdfast's own, for a ratio: `4.2 s; restic 9.5 s`"""
    return f"{_median(measure['holdfast'], pick, unit)}; {beside(measure, pick, unit, peers)}"


def not_run(measure: Measure, peers: Sequence[str] = PEERS) -> list[str]:
    """`["kopia, rustic: peer not run"]`, or nothing."""
    missing = [peer for peer in peers if peer not in measure]
    return [f"{', '.join(missing)}: {NOT_RUN}"] if missing else []


def _median(seen: Seen, pick: Pick, unit: str) -> str:
    return "failed" if seen.failure else f"{number(statistics.median(pick(seen)))} {unit}"


def details(measure: Measure, step: Step) -> dict[str, float]:
    """Medians of each program: `seconds`, `cpuSeconds`, `peakMB`, and `resticSeconds`, …"""
    found: dict[str, float] = {}
    for name, seen in measure.items():
        if used := seen.used[step]:
            medians = {
                "seconds": statistics.median(one.seconds for one in used),
                "cpuSeconds": statistics.median(one.cpu for one in used),
                "peakMB": statistics.median(one.peak for one in used) / 1e6,
            }
            found |= {
                key if name == "holdfast" else f"{name}{key[0].upper()}{key[1:]}": medians[key] for key in medians
            }
    return found
