"""Clocks that jump, and times of files that are far away."""

import datetime as dt
import os

import pytest
from tests.operations.file_trees import contents, picture
from tests.operations.files_harness import back_up, below, restore
from tests.sample_repository import reopen

from holdfast.operations.catalog import read_catalog
from holdfast.store.local import LocalStore
from holdfast.testing.manual_clock import ManualClock


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    root.mkdir()
    (root / "one").write_bytes(b"one")
    (root / "two").write_bytes(b"two")
    return root


def at(directory, year):
    """The repository, at the beginning of a year."""
    return reopen(LocalStore(directory), clock=ManualClock(dt.datetime(year, 1, 1, tzinfo=dt.UTC)))


def test_a_clock_that_went_back_between_two_backups(repository, directory, source, tmp_path):
    first = back_up(at(directory, 2030), source)
    (source / "one").write_bytes(b"changed")
    second = back_up(at(directory, 2026), source)
    assert (second.outcome, second.type) == ("done", "incremental")
    assert (second.counts["changed"], second.counts["unmodified"]) == (1, 1)
    assert first.name in second.notes[0]
    (source / "one").write_bytes(b"changed again")
    third = back_up(at(directory, 2027), source)
    catalog = read_catalog(repository)
    assert [entry.id.hex() for entry in catalog.backups] == [second.id, third.id, first.id]
    assert catalog.find_backup("latest").id.hex() == first.id  # by the time that each was told
    for number, (run, content) in enumerate(((first, b"one"), (second, b"changed"), (third, b"changed again"))):
        restore(repository, run, tmp_path / str(number))
        assert contents(below(tmp_path / str(number), source))["one"] == content


def test_two_backups_in_one_second_have_two_names(repository, directory, source):
    runs = [back_up(at(directory, 2026), source) for _ in range(3)]
    assert len({run.name for run in runs}) == 3
    for run in runs:
        assert read_catalog(repository).find_backup(run.name).id.hex() == run.id


YEAR = 365.2425 * 86400
MOMENTS = {
    "the future": int((2200 - 1970) * YEAR * 1e9) + 1,
    "before 1970": -int(100 * YEAR * 1e9) - 999_999_999,
    "one nanosecond before 1970": -1,
    "the end of 9999": 253_402_300_799 * 10**9 + 999_999_999,
    "the year 1": -62_135_596_800 * 10**9,
}


def test_times_far_away(repository, mount, tmp_path):
    source = mount(tmp_path / "source") / "files"  # most file systems end in some century
    source.mkdir()
    target = mount(tmp_path / "target")
    for name, moment in MOMENTS.items():
        (source / name).write_bytes(b"x")
        os.utime(source / name, ns=(moment, moment))
        assert (source / name).stat().st_mtime_ns == moment, "the test's file system does not take it"
    run = back_up(repository, source)
    assert restore(repository, run, target).errors == []
    assert picture(below(target, source)) == picture(source)
    assert back_up(repository, source).counts["unmodified"] == len(MOMENTS)


def test_times_beyond_the_year_9999_become_its_end(repository, mount, tmp_path):
    source = mount(tmp_path / "source") / "files"
    source.mkdir()
    target = mount(tmp_path / "target")
    (source / "far").write_bytes(b"x")
    os.utime(source / "far", ns=(0, 300_000_000_000 * 10**9))
    run = back_up(repository, source)
    assert restore(repository, run, target).errors == []
    assert below(target, source / "far").stat().st_mtime == 253_402_300_799
