"""Every row of the table does its work on a real API server, and none is idle."""

from __future__ import annotations

import pytest
from tests.restore.transforms import more_scenarios, quarantine_scenarios  # noqa: F401 - they register themselves
from tests.restore.transforms.scenarios import SCENARIOS

from holdfast.errors import ApiRefused
from holdfast.objects.transforms import TRANSFORMS

pytestmark = pytest.mark.cluster

ROWS = [row.id for row in TRANSFORMS]


def test_every_row_has_a_scenario():
    assert sorted(SCENARIOS) == sorted(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_scenario_passes_with_its_row(row, stage, counts):
    SCENARIOS[row](stage, TRANSFORMS)

    counts["with"].add(row)


@pytest.mark.parametrize("row", ROWS)
def test_scenario_fails_without_its_row(row, stage, counts):
    others = tuple(transform for transform in TRANSFORMS if transform.id != row)

    with pytest.raises((AssertionError, ApiRefused)):
        SCENARIOS[row](stage, others)

    counts["without"].add(row)


def test_all_rows_were_counted(counts):
    """Runs last: both tests of each row have passed in this run."""
    assert counts == {"with": set(ROWS), "without": set(ROWS)}
