"""That checks are measured beside restic, on small repositories; what it measures is no matter of tests."""

from dataclasses import replace

import pytest
from bench import programs, trees
from bench.check import LEVELS, CheckBench
from bench.command import CommandFailed


@pytest.fixture
def alone(tmp_path):
    return CheckBench(tmp_path, programs.holdfast(), None, say=lambda _: None, runs=2)


def small(place):
    return [trees.big(place / "big", size=300_000), trees.small(place / "small", count=40, directories=4)]


def test_every_level_is_measured_beside_restic(alone, restic_new):
    rows = list(replace(alone, restic=programs.Restic(restic_new)).of("mixed", small))
    assert [row.id for row in rows] == [f"check-{level.id}-mixed{what}" for level in LEVELS for what in ("", "-memory")]
    for row in rows:
        assert len(row.values) == len(row.peer_values) == 2
        assert min(row.values) > 0
    assert [row.floor for row in rows] == [1.25, None, None, None, 1.25, None]


def test_without_restic_the_floors_are_missed(alone):
    rows = list(alone.of("mixed", small))
    assert [row.id for row in rows if row.is_missed] == ["check-structure-mixed", "check-data-mixed"]
    assert "restic: peer not run" in rows[0].peer


def test_a_check_that_finds_damage_is_no_measurement(alone):
    def damaging(place):
        yield from small(place)
        repository = next(alone.directory.glob("check-*/holdfast/repository/data"))
        next(path for path in repository.rglob("*") if path.is_file()).unlink()

    with pytest.raises(CommandFailed, match="is missing"):
        list(alone.of("mixed", damaging))
