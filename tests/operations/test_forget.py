"""Forgetting on real repositories: which snapshots go, in which order, and what happens meanwhile."""

import datetime as dt
from itertools import count

import pytest
from tests.restic_oracle import PASSWORD, restic_agrees, restics  # noqa: F401 - fixtures
from tests.sample_repository import check_all, init, write_files

from holdfast.errors import Cancelled, LockLost, RepositoryLocked, StoreRefused
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.retention import RetentionPolicy
from holdfast.model.run import timestamp
from holdfast.operations.catalog import read_catalog
from holdfast.operations.forget import ForgetOptions, forget, plan_forget
from holdfast.repository.layout import file_name
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.testing.manual_clock import ManualClock

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


class _LoggedStore(MemoryStore):
    """Remembers what was deleted, and can do something before a deletion."""

    def __init__(self):
        super().__init__()
        self.deleted = []
        self.before_delete = lambda _name: None

    def delete(self, name):
        if name.startswith("snapshots/"):
            self.before_delete(name)
            self.deleted.append(name)
        super().delete(name)


class Shelf:
    """A repository with snapshots of any age."""

    def __init__(self, store):
        self.store = store
        self.clock = ManualClock(NOW)
        self.repository = init(store, clock=self.clock)
        self._numbers = count()

    def put(self, *tags, days=0.0, hostname="cluster", paths=("/namespaces/shop",)):
        """A snapshot so many days old; gives its id."""
        time = timestamp(NOW - dt.timedelta(days=days))
        content = {"a": str(next(self._numbers)).encode()}
        return write_files(self.repository, content, tags=list(tags), time=time, hostname=hostname, paths=list(paths))

    def backup(self, run, *tags, days=0.0, outcome="done", kind="app", **fields):
        made = (f"kind={kind}", f"name={run}", f"run={run}", "type=full", f"outcome={outcome}")
        return self.put(*made, *tags, days=days, **fields)

    def report(self, run, days=0.0, outcome="done", verb="backup create"):
        return self.put(
            "kind=report", f"run={run}", f"verb={verb}", f"outcome={outcome}", days=days, paths=("/reports",)
        )

    def both(self, run, *tags, days=0.0, **fields):
        """A backup and its report."""
        return self.backup(run, *tags, days=days, **fields), self.report(run, days=days)

    def plan(self, **options):
        return plan_forget(read_catalog(self.repository), asked(**options), self.clock.now())

    def forget(self, cancel=None, **options):
        return forget(self.repository, self.plan(**options), asked(**options), cancel or Cancel(), Silent())

    @property
    def left(self):
        return set(self.repository.snapshot_ids())


def asked(**options):
    names = {field for field in RetentionPolicy.__dataclass_fields__ if field in options}
    policy = RetentionPolicy(**{name: options.pop(name) for name in names})
    return ForgetOptions(policy=policy, zone=dt.UTC, **options)


def whys(judged):
    return {one.entry.id: one.why for one in judged}


@pytest.fixture(autouse=True)
def _locks_settle_at_once(monkeypatch):
    monkeypatch.setattr("holdfast.repository.lock.SETTLE", 0.0)


@pytest.fixture
def shelf():
    return Shelf(_LoggedStore())


# What goes


def test_a_backup_goes_with_its_report_and_the_reports_after_the_backups(shelf):
    old, old_report = shelf.both("r1", days=2)
    older, older_report = shelf.both("r0", days=3)
    kept = set(shelf.both("r2", days=1))
    shelf.forget(keep_last=1)
    assert shelf.left == kept
    assert set(shelf.store.deleted[:2]) == {file_name(older), file_name(old)}
    assert set(shelf.store.deleted[2:]) == {file_name(older_report), file_name(old_report)}
    assert not list(shelf.store.list("locks"))
    assert check_all(shelf.repository).errors == []


def test_a_plan_changes_nothing(shelf):
    shelf.both("r1", days=2)
    shelf.both("r2", days=1)
    plan = shelf.plan(keep_last=1)
    assert [one.keep for one in plan.backups] == [True, False]
    assert shelf.store.deleted == []


def test_groups_are_plans_in_clusters_or_else_hosts_and_paths(shelf):
    for days, fields in enumerate(
        [
            {},
            {"hostname": "other"},
            {"paths": ["/b", "/a"]},
            {"paths": ["/a", "/b"]},
            {"hostname": "other", "paths": ["/a"]},
        ]
    ):
        shelf.backup(f"r{days}", days=days, **fields)
    shelf.backup("p1", "plan=shop/nightly", days=1)
    shelf.backup("p2", "plan=shop/nightly", days=2, paths=["/elsewhere"])
    shelf.backup("p3", "plan=shop/nightly", days=3, hostname="other")
    groups = {
        (group.key.plan, group.key.host, group.key.paths): [one.keep for one in group.backups]
        for group in shelf.plan(keep_last=1).groups
    }
    assert groups == {
        ("", "cluster", ("/namespaces/shop",)): [True],
        ("", "cluster", ("/a", "/b")): [True, False],
        ("", "other", ("/namespaces/shop",)): [True],
        ("", "other", ("/a",)): [True],
        ("shop/nightly", "cluster", ()): [True, False],
        ("shop/nightly", "other", ()): [True],
    }


def test_what_restic_backed_up_is_a_backup_too(shelf):
    newer, older = shelf.put(days=1), shelf.put(days=2)
    shelf.forget(keep_last=1)
    assert shelf.left == {newer}
    assert older not in shelf.left


def test_outcomes_and_labels_are_minded(shelf):
    good = shelf.backup("r1", days=3)
    partial = shelf.backup("r2", days=4, outcome="partial")
    labelled = shelf.backup("r3", "label:release=yes", days=5, outcome="partial")
    shelf.forget(keep_daily=1, keep_tags=frozenset(["release=yes"]))
    assert shelf.left == {good, labelled}
    assert partial not in shelf.left


def test_a_backup_with_a_time_of_its_own_goes_when_it_is_over(shelf):
    kept = shelf.backup("r1", "keep-until=2026-11-23T12:00:01Z", days=9)
    over, _ = shelf.both("r2", "keep-until=2026-11-23T12:00:00Z", days=9)
    unreadable = shelf.backup("r3", "keep-until=tomorrow", days=9)
    newest, _ = shelf.both("r4", days=1)
    shelf.forget()
    assert shelf.left >= {kept, unreadable, newest}
    assert over not in shelf.left
    assert len(shelf.left) == 4


@pytest.mark.parametrize(
    ("options", "removed"),
    [
        ({"host": "other"}, {"r1"}),
        ({"paths": ("/a",)}, {"r3", "r5"}),
        ({"paths": ("/a", "/b")}, {"r5"}),
        ({"plan": "nightly"}, {"r7"}),
        ({"kind": "files"}, {"r5"}),
        ({"kind": "app", "paths": ("/a",)}, {"r3"}),
        ({"host": "nowhere"}, set()),
    ],
)
def test_filters_narrow_what_is_looked_at(shelf, options, removed):
    fields = [
        {"hostname": "other"},
        {"paths": ["/a"]},
        {"paths": ["/a", "/b"], "kind": "files"},
    ]
    names = {}
    for place, more in enumerate(fields):
        names[shelf.backup(f"r{2 * place}", days=1, **more)] = f"r{2 * place}"
        names[shelf.backup(f"r{2 * place + 1}", days=2, **more)] = f"r{2 * place + 1}"
    names[shelf.backup("r6", "plan=nightly", days=1)] = "r6"
    names[shelf.backup("r7", "plan=nightly", days=2)] = "r7"
    failed = shelf.report("x", days=100, outcome="failed")
    shelf.forget(keep_last=1, **options)
    assert {name for one, name in names.items() if one not in shelf.left} == removed
    assert failed in shelf.left


# Reports, parts and safety points


@pytest.mark.parametrize(
    ("days", "make"),
    [
        (30, lambda shelf, days: shelf.report("x", days=days, outcome="failed")),
        (30, lambda shelf, days: shelf.report("x", days=days, outcome="cancelled", verb="backup files")),
        (90, lambda shelf, days: shelf.report("x", days=days, verb="restore run")),
        (90, lambda shelf, days: shelf.report("x", days=days, outcome="failed", verb="restore files")),
        (7, lambda shelf, days: shelf.put("kind=part", "run=x", days=days)),
        (14, lambda shelf, days: shelf.put("kind=safety", "run=x", days=days)),
    ],
    ids=["failed", "cancelled", "restore", "failed restore", "part", "safety point"],
)
def test_byproducts_have_times_of_their_own(shelf, days, make):
    younger, older = make(shelf, days), make(shelf, days + 0.001)
    shelf.forget(keep_last=1)
    assert shelf.left == {younger}
    assert older not in shelf.left


def test_the_report_of_a_restore_outlives_its_safety_point(shelf):
    shelf.put("kind=safety", "run=x", days=15)
    report = shelf.put("kind=report", "verb=restore run", "run=x", "outcome=done", days=15)
    shelf.forget()
    assert shelf.left == {report}


def test_reports_that_are_left_alone(shelf):
    """A kept backup's, one of a verb that this version does not know, and one of the future."""
    left = {*shelf.both("r1", days=400), shelf.report("r2", days=400, verb="console run")}
    left.add(shelf.report("r3", days=-1, outcome="failed"))
    shelf.forget(keep_last=1)
    assert shelf.left == left


def test_a_report_stays_as_long_as_a_copy_of_its_backup(shelf):
    backup, report = shelf.both("r1", days=2)
    copy = shelf.backup("r1", days=3)
    shelf.forget(keep_last=1)
    assert shelf.left == {backup, report}
    assert copy not in shelf.left


def test_a_report_whose_backup_is_gone_goes_unless_the_backup_may_be_damaged(shelf):
    backup, report = shelf.both("r1", days=2)
    shelf.repository.store.put(file_name(backup), [b"nonsense"])
    orphan = shelf.report("r0", days=2)
    assert whys(shelf.plan().byproducts)[report] == ("its backup may be a damaged one",)
    shelf.forget(keep_last=1)
    assert shelf.left == {backup, report, orphan}
    shelf.repository.delete_snapshot(backup)
    shelf.forget(keep_last=1)
    assert shelf.left == set()


def test_damaged_snapshots_stay_are_named_and_are_not_good(shelf):
    damaged, good = shelf.backup("r1", days=1), shelf.backup("r2", days=2)
    shelf.repository.store.put(file_name(damaged), [b"nonsense"])
    shelf.backup("r3", days=3)
    done = shelf.forget(keep_last=1)
    assert shelf.left == {damaged, good}
    assert [one for one, _ in done.damaged] == [damaged]


# Meanwhile


def test_a_backup_made_meanwhile_is_counted_and_nothing_is_removed_that_only_one_plan_removes(shelf):
    first, second = shelf.backup("r1", days=2), shelf.backup("r2", days=1)
    options = asked(keep_last=1)
    plan = shelf.plan(keep_last=1)
    third = shelf.backup("r3")
    done = forget(shelf.repository, plan, options, Cancel(), Silent())
    assert shelf.left == {second, third}
    assert first not in shelf.left
    assert whys(done.backups)[second] == ("the repository changed meanwhile",)


def test_what_was_to_be_removed_stays_if_the_good_one_is_gone_meanwhile(shelf):
    older, newest = shelf.backup("r1", days=2), shelf.backup("r2", days=1)
    plan = shelf.plan(keep_last=1)
    shelf.repository.delete_snapshot(newest)
    done = forget(shelf.repository, plan, asked(keep_last=1), Cancel(), Silent())
    assert shelf.left == {older}
    assert whys(done.backups)[older] == ("the last good one", "last 1 of 1")


def test_two_at_once_do_no_harm(shelf):
    kept = shelf.backup("r9")
    for days in range(1, 6):
        shelf.both(f"r{days}", days=days)
    plan = shelf.plan(keep_last=1)
    shelf.store.before_delete = lambda _name: (
        setattr(shelf.store, "before_delete", lambda _: None) or shelf.forget(keep_last=1)
    )
    forget(shelf.repository, plan, asked(keep_last=1), Cancel(), Silent())
    assert shelf.left == {kept}


@pytest.mark.parametrize("survived", range(7))
def test_the_next_run_goes_on_where_one_was_stopped(shelf, survived):
    """Stopped after any number of deletions, with a filter or without: never a report without its backup for more than one."""
    kept = set(shelf.both("r9"))
    for days in range(1, 4):
        shelf.both(f"r{days}", days=days)
    cancel = Cancel()
    shelf.store.before_delete = lambda _name: cancel.request() if len(shelf.store.deleted) == survived - 1 else None
    if survived == 0:
        cancel.request()
    if survived < 6:
        with pytest.raises(Cancelled):
            shelf.forget(cancel, keep_last=1)
        assert len(shelf.store.deleted) == survived
    shelf.forget(keep_last=1)
    assert shelf.left == kept
    assert not list(shelf.store.list("locks"))


def test_a_process_that_slept_past_its_lock_removes_nothing_more(shelf):
    for days in range(4):
        shelf.backup(f"r{days}", days=days)
    shelf.store.before_delete = lambda _name: shelf.clock.advance(3600)
    with pytest.raises(LockLost):
        shelf.forget(keep_last=1)
    assert len(shelf.store.deleted) == 1


def test_a_store_that_refuses_is_an_error(shelf):
    shelf.backup("r1", days=1)
    shelf.backup("r2", days=2)

    def refuse(_name):
        raise StoreRefused("the store refuses")

    shelf.store.before_delete = refuse
    with pytest.raises(StoreRefused):
        shelf.forget(keep_last=1)
    assert len(shelf.left) == 2


def test_who_prunes_keeps_others_out(shelf):
    shelf.backup("r1", days=1)
    shelf.backup("r2", days=2)
    with shelf.repository.lock(Cancel(), exclusive=True), pytest.raises(RepositoryLocked):
        shelf.forget(keep_last=1)
    assert len(shelf.left) == 2


# Others


def test_restic_finds_the_rest_whole_and_prunes_it(tmp_path, restic_agrees, restics):  # noqa: F811 - the fixtures
    shelf = Shelf(LocalStore(tmp_path / "repository"))
    for days in range(20):
        shelf.both(f"r{days}", days=days)
    shelf.forget(keep_daily=3, keep_weekly=3)
    assert len(read_catalog(shelf.repository).backups) == 4
    restic_agrees(tmp_path / "repository", PASSWORD)
    restics[-1].run(tmp_path / "repository", "prune", "--max-unused", "0")
    restic_agrees(tmp_path / "repository", PASSWORD)
    assert len(restics[0].run(tmp_path / "repository", "list", "snapshots", "--no-lock").split()) == 8


def test_of_each_backup_that_stays_the_newest_proof_stays(shelf):
    kept, gone = (shelf.backup(run, days=days) for run, days in (("new", 200), ("old", 300)))

    def proof(backup, days, proved="verified", verb="backup verify"):
        return shelf.put(
            "kind=report", f"run=r{days}", f"verb={verb}", f"proof={proved}" if proved else "x=y",
            f"backup={backup.hex()}", "outcome=done", days=days, paths=("/reports",),
        )  # fmt: skip

    earlier, newest, failed, of_gone = (
        proof(kept, 150),
        proof(kept, 120),
        proof(kept, 100, proved=""),
        proof(gone, 130),
    )
    recent = proof(kept, 50, proved="")
    shelf.forget(keep_last=1)
    assert shelf.left == {kept, newest, recent}
    assert not {earlier, failed, of_gone} & shelf.left
