"""Lives on a store that gives way in every manner that `FaultyStore` knows, all in this process."""

from __future__ import annotations

from tests.faults import fault_runs

from soak.judge import Lost

_RUNS = 3


def run(seed: int) -> int:
    """How many faults there were. Raises Lost, AssertionError."""
    faults = 0
    with fault_runs.tiny_repositories():
        for number in range(seed, seed + _RUNS):
            counts = fault_runs.run(number)
            faults += counts.faults.total()
            if counts.lost_without_a_lie:
                raise Lost(f"fault_runs.run({number}) lost {counts.lost_without_a_lie} blobs")
    return faults
