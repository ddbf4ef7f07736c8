"""Checks in turn: what each reads, what it leaves in the repository, and what it says where it may not write."""

import datetime as dt
import random

import pytest
from tests.restic_oracle import PASSWORD, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import init, reopen, write_files

from holdfast.errors import Cancelled, RepositoryLocked, StoreRefused
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.run import Verb
from holdfast.operations.catalog import read_catalog
from holdfast.operations.check_repository import Level, check_repository
from holdfast.operations.repository_facts import read_facts
from holdfast.repository import writer as writer_module
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import open_repository
from holdfast.store.memory import MemoryStore
from holdfast.store.read_only import ReadOnlyStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def clock():
    return ManualClock(dt.datetime(2026, 11, 1, 3, tzinfo=dt.UTC))


@pytest.fixture
def stocked(store, monkeypatch):
    """41 packs of 1,000 bytes and some more."""
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1000)
    write_files(init(store), {str(number): random.Random(number).randbytes(1000) for number in range(40)})
    return store


def packs(store):
    return {file.name for file in store.list("data")}


def files(store):
    return {file.name for file in store.list("")}


def run(store, fraction, clock=None):
    """(what a check says, the packs that it read)"""
    watched = FaultyStore(store)
    repository = open_repository(watched, PASSWORD, clock) if clock else reopen(watched)
    done = check_repository(repository, fraction, Cancel(), Silent())
    return done, {call.name for call in watched.calls if call.operation == "get" and call.name.startswith("data/")}


def reports(store):
    return read_catalog(reopen(store)).reports(Verb.REPOSITORY_CHECK)


def test_a_check_of_the_structure_leaves_nothing(stocked):
    before = files(stocked)
    done, read = run(stocked, 0)
    assert (done.level, done.outcome, done.sample, read) == (Level.STRUCTURE, "done", None, set())
    assert files(stocked) == before


def test_twenty_samples_read_everything_once_whatever_the_days_between(stocked, clock):
    before, seen = packs(stocked), []
    for number in range(20):
        clock.advance(3600 * random.Random(number).randrange(1, 300))
        done, read = run(stocked, 0.05, clock)
        assert done.level == Level.SAMPLE
        assert done.errors == []
        seen += read
    assert before <= set(seen)
    assert done.sample.end == pytest.approx(0, abs=0.1)
    assert len([name for name in seen if name in before]) < 1.6 * len(before)


def test_the_newest_report_tells_where_the_next_sample_begins(stocked, clock):
    first, _ = run(stocked, 0.25, clock)
    assert (first.sample.start, first.sample.end) == (0, 0.25)
    clock.advance(60)
    run(stocked, 0, clock)
    clock.advance(60)
    second, _ = run(stocked, 0.5, clock)
    assert (second.sample.start, second.sample.end) == (0.25, 0.75)
    clock.advance(60)
    whole, read = run(stocked, 1, clock)
    assert (whole.level, whole.sample) == (Level.ALL, None)
    assert len(read) == whole.counts["packsRead"] == whole.counts["packs"]
    clock.advance(60)
    fourth, _ = run(stocked, 0.5, clock)
    assert (fourth.sample.start, fourth.sample.end) == (0.75, 0.25)


def test_a_report_keeps_what_the_check_says(stocked, clock):
    [victim, *_] = sorted(packs(stocked))
    stocked.put(victim, [bytes(len(stocked.get(victim)))])
    done, _ = run(stocked, 1, clock)
    assert (done.outcome, done.counts["errors"]) == ("failed", 1)
    [finding] = done.findings
    assert file_name_of(finding) == victim
    [report] = reports(stocked)
    assert report.outcome == "failed"
    assert report.tags.get("level") == "all"
    assert report.tags.get("read-to") == "0.000000"
    repository = reopen(stocked)
    contents = repository.contents(report.snapshot)
    assert b'"vanished' not in contents.read("/report.json")
    assert finding.pack.encode() in contents.read("/report.json")
    assert finding.what.encode() in contents.read("/log.txt")


def file_name_of(finding):
    return f"data/{finding.pack[:2]}/{finding.pack}"


def test_a_check_that_ends_early_is_not_counted(stocked):
    cancel = Cancel()

    def stop_at_the_third_pack(call):
        reading.append(call)
        if len([one for one in reading if one.operation == "get" and one.name.startswith("data/")]) == 3:
            cancel.request()

    reading = []
    with pytest.raises(Cancelled):
        check_repository(reopen(FaultyStore(stocked, stop_at_the_third_pack)), 1, cancel, Silent())
    assert reports(stocked) == []
    assert list(stocked.list("locks")) == []


def test_the_newest_few_reports_stay(stocked, clock):
    for _ in range(8):
        clock.advance(3600)
        run(stocked, 0.1, clock)
    kept = reports(stocked)
    assert len(kept) == 5
    assert [report.tags.get("read-to") for report in kept] == [f"0.{number}00000" for number in range(4, 9)]


def test_where_deleting_is_refused_reports_pile_up_and_nobody_minds(stocked, clock):
    no_deleting = FaultyStore(stocked, Script(Fault("before", "delete", "snapshots/*", times=None, error=StoreRefused)))
    for _ in range(7):
        clock.advance(3600)
        done, _ = run(no_deleting, 0.1, clock)
        assert (done.outcome, done.notes) == ("done", [])
    assert len(reports(stocked)) == 7


def test_who_may_not_write_goes_by_the_date(stocked, clock):
    before, seen = files(stocked), set()
    for _ in range(10):
        done, read = run(ReadOnlyStore(stocked), 0.1, clock)
        assert any("No lock was taken" in note for note in done.notes)
        assert any("chosen by the date" in note for note in done.notes)
        clock.advance(24 * 3600)
        seen |= read
    assert seen == packs(stocked)
    assert files(stocked) == before


def test_a_report_that_is_refused_does_not_undo_the_check(stocked):
    no_reports = FaultyStore(stocked, Script(Fault("before", "*", "snapshots/*", times=None, error=StoreRefused)))

    def only_writes(call):
        return no_reports._faults(call) if call.operation in ("put", "create") else None

    done, _ = run(FaultyStore(stocked, only_writes), 0.1)
    assert done.outcome == "done"
    [note] = done.notes
    assert "did not take this run's report" in note


def test_an_exclusive_lock_keeps_a_check_out(stocked):
    with reopen(stocked).lock(Cancel(), exclusive=True), pytest.raises(RepositoryLocked):
        run(stocked, 0)


def test_an_exclusive_lock_that_comes_at_the_same_moment_is_met_too(stocked):
    """Its owner saw no lock, because it looked before ours was there."""
    other = reopen(stocked)

    class Late(FaultyStore):
        def list(self, directory):
            if directory == "snapshots" and not any(call.name == "snapshots" for call in self.calls):
                held = other.unconfirmed_lock()
                held.exclusive = True
                held._write()
            return super().list(directory)

    with pytest.raises(RepositoryLocked):
        check_repository(reopen(Late(stocked)), 0, Cancel(), Silent())


def test_the_repository_tells_when_its_data_was_checked(stocked, clock):
    assert read_facts(reopen(stocked)).last_check is None
    run(stocked, 0, clock)
    assert read_facts(reopen(stocked)).last_check is None
    run(stocked, 1, clock)
    clock.advance(60)
    run(stocked, 0.1, clock)
    last = read_facts(reopen(stocked)).last_check
    assert (last.level, last.outcome) == ("sample", "done")
    assert last.time.startswith("2026-11-01T03:01:00")


def test_a_check_reads_what_the_checks_before_it_left(stocked, clock, restic_agrees):  # noqa: F811 - the fixture
    for _ in range(3):
        clock.advance(60)
        done, _ = run(stocked, 1, clock)
        assert done.findings == []
    restic_agrees(stocked, PASSWORD)


def test_a_strange_report_does_not_matter(stocked, clock):
    repository = reopen(stocked)
    write_files(repository, tags=["kind=report", "verb=repository check", "read-to=nowhere"])
    for strange in ("nan", "inf", "-1e300", ""):
        write_files(repository, tags=["kind=report", "verb=repository check", f"read-to={strange}"])
    done, _ = run(stocked, 0.5, clock)
    assert (done.outcome, done.sample.start) == ("done", 0)


def test_a_deleted_report_is_only_a_report(stocked, clock):
    run(stocked, 0.5, clock)
    for report in reports(stocked):
        stocked.delete(file_name(report.id))
    done, _ = run(stocked, 0.5, clock)
    assert (done.outcome, done.sample.start) == ("done", 0)
