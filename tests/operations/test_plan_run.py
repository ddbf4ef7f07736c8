"""What follows from a plan's earlier backups, and a plan's run in the repository of a writer that may not delete."""

import datetime as dt
import zoneinfo

import pytest
from tests.operations.harness import entry_of
from tests.sample_repository import check_all, init, reopen, write_files

from holdfast.errors import StoreRefused, UsageError
from holdfast.model import tags
from holdfast.model.backup import BackupType, VolumesMode
from holdfast.model.cancel import Cancel
from holdfast.model.plan_name import PlanName
from holdfast.model.progress import Silent
from holdfast.model.selection import Selection
from holdfast.model.span import Span
from holdfast.operations.back_up import back_up
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.catalog import read_catalog
from holdfast.operations.plan_run import PlanRun
from holdfast.store.memory import MemoryStore
from holdfast.testing.local_movers import LocalMovers

PLAN = PlanName("shop", "nightly")
NIGHT = dt.datetime(2026, 11, 26, 2, tzinfo=dt.UTC)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def _locks_settle_at_once(monkeypatch):
    monkeypatch.setattr("holdfast.repository.lock.SETTLE", 0.0)


def catalog_of(*backups):
    """Each is (time of its snapshot, hostname, more tags)."""
    repository = init(MemoryStore())
    for time, hostname, more in backups:
        made = ["kind=app", f"plan={PLAN}", "outcome=done", "type=full", *more]
        write_files(repository, {"a": b"b"}, tags=made, time=time.isoformat(), hostname=hostname)
    return read_catalog(repository)


def run(scheduled=NIGHT, **fields):
    return PlanRun(plan=PLAN, scheduled=scheduled, **fields)


@pytest.mark.parametrize(
    ("hostname", "more", "is_made"),
    [
        ("here", ["scheduled=2026-11-26T02:00:00Z"], True),
        ("here", ["scheduled=2026-11-26T03:00:00+01:00"], True),
        ("elsewhere", ["scheduled=2026-11-26T02:00:00Z"], False),
        ("here", ["scheduled=2026-11-25T02:00:00Z"], False),
        ("here", ["scheduled=2026-11-26T02:00:00Z", "outcome=partial"], False),
        ("here", ["scheduled=2026-11-26T02:00:00Z", "plan=web/nightly"], False),
        ("here", ["scheduled=2026-11-26T02:00:00"], False),
        ("here", ["scheduled=soon"], False),
        ("here", [], False),
    ],
)
def test_what_stands_for_a_scheduled_time(hostname, more, is_made):
    catalog = catalog_of((NIGHT, hostname, more))
    assert (run().made(catalog, "here") is not None) == is_made
    assert run(scheduled=None).made(catalog, "here") is None


def test_names_tell_the_plan_and_the_time():
    started = dt.datetime(2026, 11, 26, 2, 0, 7, tzinfo=dt.UTC)
    assert run().base_name(started) == "nightly-20261126-0200"
    assert run(NIGHT.astimezone(BERLIN)).base_name(started) == "nightly-20261126-0200"
    assert run(None).base_name(started) == "nightly-20261126-020007"


WEEKLY = Span(days=7)
WEEK_AGO = NIGHT - dt.timedelta(days=7)


@pytest.mark.parametrize(
    ("backups", "is_due"),
    [
        ([], True),
        ([(WEEK_AGO, "here", [])], True),
        ([(WEEK_AGO + dt.timedelta(seconds=40), "here", ["scheduled=2026-11-19T02:00:00Z"])], True),
        ([(WEEK_AGO + dt.timedelta(seconds=40), "here", [])], False),
        ([(WEEK_AGO - dt.timedelta(days=1), "here", []), (NIGHT - dt.timedelta(days=2), "here", [])], False),
        ([(NIGHT - dt.timedelta(days=2), "here", ["type=incremental"])], True),
        ([(NIGHT - dt.timedelta(days=2), "here", ["outcome=partial"])], True),
        ([(NIGHT - dt.timedelta(days=2), "elsewhere", [])], True),
        ([(NIGHT - dt.timedelta(days=2), "here", ["plan=web/nightly"])], True),
    ],
)
def test_a_full_one_is_due_when_the_newest_good_one_is_old(backups, is_due):
    catalog = catalog_of(*backups)
    assert run(full_every=WEEKLY).is_full_due(catalog, "here", NIGHT + dt.timedelta(seconds=7)) == is_due
    assert not run().is_full_due(catalog, "here", NIGHT)


def test_days_are_those_of_the_plans_zone():
    """In the week of the change two o'clock in Berlin is 167 hours after two o'clock."""
    before = dt.datetime(2026, 3, 23, 2, tzinfo=BERLIN)
    now = dt.datetime(2026, 3, 30, 2, tzinfo=BERLIN)
    catalog = catalog_of((before.astimezone(dt.UTC), "here", []))
    assert run(now, full_every=WEEKLY, zone=BERLIN).is_full_due(catalog, "here", now)
    assert not run(now, full_every=WEEKLY).is_full_due(catalog, "here", now)


class _AppendOnly(MemoryStore):
    """As the rights of a writer are: files go below locks/ only."""

    def delete(self, name):
        if not name.startswith("locks/"):
            raise StoreRefused(f"cannot delete {name}", why="access denied")
        super().delete(name)


def test_a_writer_that_may_not_delete_runs_plans(live, namespace):
    store = _AppendOnly()
    init(store)
    options = BackUpOptions(
        selection=Selection(namespaces=(namespace,)), volumes=VolumesMode.NONE, cluster_name="here", key=run()
    )
    movers = LocalMovers(lambda: reopen(store), {})
    first, second = (back_up(reopen(store), live, options, Cancel(), Silent(), movers=movers) for _ in range(2))
    repository = reopen(store)
    assert first.id == second.id
    assert (second.counts, second.bytes) == (
        {"objects": first.counts["objects"]},
        {name: first.bytes[name] for name in ("objects", "added", "stored")},
    )
    entry = entry_of(repository, first)
    assert entry.tags.get(tags.SCHEDULED) == "2026-11-26T02:00:00Z"
    assert entry.tags.get(tags.TYPE) == BackupType.FULL
    assert list(store.list("locks")) == []
    assert check_all(repository).errors == []


@pytest.mark.parametrize("text", ["nightly", "", "a/b/c", "A/b", "a/-b", "a/b,c", "a/b\n"])
def test_names_of_plans_have_two_parts(text):
    with pytest.raises(UsageError):
        PlanName.parse(text)
