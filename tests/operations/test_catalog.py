"""Finding backups by what users call them, in repositories that hold more than backups."""

import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import NotFound
from holdfast.model.run import Outcome
from holdfast.operations.catalog import read_catalog
from holdfast.repository.layout import file_name
from holdfast.store.memory import MemoryStore


class Shelf:
    """A repository with snapshots whose tags and times a test chooses."""

    def __init__(self):
        self.repository = init(MemoryStore())

    def put(self, *tags, minute=0, paths=("/namespaces/shop",)):
        return write_files(
            self.repository, {"a": b"b"}, tags=list(tags), time=f"2026-11-22T10:{minute:02}:00Z", paths=list(paths)
        )

    def backup(self, name, run, minute=0, **more):
        return self.put("kind=app", f"name={name}", f"run={run}", "type=full", "outcome=done", minute=minute, **more)

    def report(self, run, minute=0, outcome="failed", verb="backup create"):
        return self.put("kind=report", f"run={run}", f"verb={verb}", f"outcome={outcome}", "name=x", minute=minute)

    @property
    def catalog(self):
        return read_catalog(self.repository)


@pytest.fixture
def shelf():
    return Shelf()


def test_an_empty_repository_has_no_backups(shelf):
    assert shelf.catalog.backups == shelf.catalog.backups_and_failures() == []
    with pytest.raises(NotFound):
        shelf.catalog.find_backup("latest")


def test_backups_are_in_the_order_of_time(shelf):
    for minute in (30, 10, 20):
        shelf.backup(f"b{minute}", f"r{minute}", minute)
    assert [entry.name for entry in shelf.catalog.backups] == ["b10", "b20", "b30"]


def test_a_backup_is_found_by_the_start_of_its_id_its_name_and_its_run(shelf):
    first = shelf.backup("one", "20261122-100000-aaaaaa")
    shelf.backup("two", "20261122-110000-bbbbbb", 1)
    catalog = shelf.catalog
    for reference in (first.hex(), first.hex()[:8], "one", "20261122-100000-aaaaaa", "20261122-10"):
        assert catalog.find_backup(reference).id == first


def test_latest_is_the_newest(shelf):
    shelf.backup("old", "r1", 1)
    newest = shelf.backup("new", "r2", 2)
    assert shelf.catalog.find_backup("latest").id == newest


def test_latest_never_means_a_report_or_a_part(shelf):
    backup = shelf.backup("one", "r1", 1)
    shelf.report("r1", 2, "done")
    shelf.report("r2", 3)
    shelf.put("kind=part", "run=r3", minute=4)
    assert shelf.catalog.find_backup("latest").id == backup
    assert [entry.id for entry in shelf.catalog.backups] == [backup]


def test_a_name_goes_before_the_start_of_an_id(shelf):
    first = shelf.backup("one", "r1")
    named = shelf.backup(first.hex()[:4], "r2", 1)
    assert shelf.catalog.find_backup(first.hex()[:4]).id == named


def test_a_reference_with_several_meanings_is_refused_with_the_ids(shelf):
    first, second = shelf.backup("same", "r1"), shelf.backup("same", "r2", 1)
    with pytest.raises(NotFound, match="means 2 backups") as error:
        shelf.catalog.find_backup("same")
    assert first.short in error.value.why
    assert second.short in error.value.why


@pytest.mark.parametrize("reference", ["", "nothing", "zz", "ffffffffffffffff"])
def test_what_does_not_exist_is_said_with_a_next_step(shelf, reference):
    shelf.backup("one", "r1")
    with pytest.raises(NotFound) as error:
        shelf.catalog.find_backup(reference)
    assert error.value.next == "List what exists with `holdfast backup list`."


def test_runs_that_made_no_backup_are_listed_in_its_place(shelf):
    shelf.backup("one", "r1", 1)
    shelf.report("r1", 2, "done")
    shelf.report("r2", 3, "failed")
    shelf.report("r3", 4, "cancelled")
    shelf.report("r4", 5, "done", "restore run")
    listed = shelf.catalog.backups_and_failures()
    assert [entry.outcome for entry in listed] == [Outcome.DONE, Outcome.FAILED, Outcome.CANCELLED]


def test_reports_are_found_by_verb(shelf):
    report = shelf.report("r4", 5, "done", "restore run")
    shelf.report("r5", 6)
    assert shelf.catalog.find_report("latest", "restore run").id == report
    assert shelf.catalog.find_report("r4", "restore run").id == report
    with pytest.raises(NotFound, match="there is no restore"):
        shelf.catalog.find_report("r5", "restore run")


@pytest.mark.parametrize("tags", [(), ("nightly",), ("outcome=excellent",), ("name",)])
def test_snapshots_of_other_programs_are_backups_of_files(shelf, tags):
    shelf.put(*tags)
    (entry,) = shelf.catalog.backups
    assert (entry.kind, entry.name, entry.outcome) == ("files", "", Outcome.DONE)


def test_a_damaged_snapshot_is_named_and_the_others_are_listed(shelf):
    damaged, whole = shelf.backup("damaged", "r1"), shelf.backup("whole", "r2", 1)
    shelf.repository.store.put(file_name(damaged), [b"nonsense"])
    catalog = shelf.catalog
    assert [entry.id for entry in catalog.backups] == [whole]
    ((snapshot_id, error),) = catalog.damaged
    assert snapshot_id == damaged
    assert error.next
