"""Whatever a store does, an operation ends well or says that it did not, and only a lie can cost data; check finds it then."""

import pytest
from tests.faults.fault_runs import Counts, run, tiny_repositories

from holdfast.testing.faulty_store import KINDS, LIES, WRITE_LIES

SEEDS = range(20261100, 20261110)  # each place twice, with a store that tries again and one that does not
MIXED_SEEDS = range(20262000, 20262040)


@pytest.fixture(autouse=True)
def _tiny():
    with tiny_repositories():
        yield


def total(seeds, kinds=None):
    counts = Counts()
    for seed in seeds:
        try:
            counts += run(seed, kinds)
        except BaseException as error:
            error.add_note(f"run({seed}, {kinds})")
            raise
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_of_fault(kind, say):
    counts = total(SEEDS, [kind])
    say(f"{kind}: {counts}")
    assert counts.faults[kind] > 0
    assert counts.restored > len(SEEDS)
    assert counts.lost_without_a_lie == 0
    if kind not in LIES:
        assert counts.refused == counts.lost == 0


def test_several_kinds_at_once(say):
    counts = total(MIXED_SEEDS)
    say(f"mixed: {counts}")
    assert len(counts.faults) == len(KINDS)
    assert counts.lost_without_a_lie == 0


def test_a_lie_about_a_write_does_cost_data_or_the_test_shows_nothing():
    assert total(SEEDS, WRITE_LIES).lost > 0
