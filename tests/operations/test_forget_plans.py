"""Forgetting the backups of plans: groups by plan and cluster, and the guard against losing most of them."""

import pytest
from tests.operations.test_forget import Shelf, asked, whys
from tests.sample_repository import reopen

from holdfast.errors import StoreUnavailable, TooManyRemovals
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.catalog import read_catalog
from holdfast.operations.forget import forget, objection, plan_forget
from holdfast.repository.layout import file_name
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore

PLAN = "shop/nightly"
OF_PLAN = f"plan={PLAN}"


@pytest.fixture(autouse=True)
def _locks_settle_at_once(monkeypatch):
    monkeypatch.setattr("holdfast.repository.lock.SETTLE", 0.0)


@pytest.fixture
def shelf():
    return Shelf(MemoryStore())


def put(shelf, count, *, hostname="cluster", tag=OF_PLAN, **fields):
    """So many daily backups; gives their ids, newest first."""
    return [shelf.backup(f"{hostname}-{tag}-{day}", tag, days=day, hostname=hostname, **fields) for day in range(count)]


def test_two_clusters_with_a_plan_of_one_name_do_not_cost_each_other_backups(shelf):
    ours, theirs = put(shelf, 4), put(shelf, 4, hostname="other")
    shelf.forget(plan=PLAN, keep_last=2)
    assert shelf.left == {*ours[:2], *theirs[:2]}


def test_a_cluster_can_be_chosen(shelf):
    ours, theirs = put(shelf, 4), put(shelf, 4, hostname="other")
    shelf.forget(plan=PLAN, host="other", keep_last=2)
    assert shelf.left == {*ours, *theirs[:2]}


def test_a_plan_is_one_group_whatever_it_selects(shelf):
    old = put(shelf, 2, paths=["/namespaces/shop"])
    new = shelf.backup("new", OF_PLAN, days=-0.01, paths=["/namespaces/shop", "/namespaces/web"])
    shelf.forget(plan=PLAN, keep_last=1)
    assert shelf.left == {new}
    assert not shelf.left & set(old)


@pytest.mark.parametrize(
    ("backups", "kept", "is_refused"),
    [
        (1, 1, False),
        (3, 1, False),
        (4, 2, False),
        (4, 1, True),
        (6, 3, False),
        (6, 2, True),
        (100, 50, False),
        (100, 49, True),
    ],
)
def test_more_than_half_of_a_plans_backups_do_not_go_unasked(shelf, backups, kept, is_refused):
    put(shelf, backups)
    options = asked(plan=PLAN, keep_last=kept)
    plan = shelf.plan(plan=PLAN, keep_last=kept)
    assert (objection(plan, options) is not None) == is_refused
    if not is_refused:
        shelf.forget(plan=PLAN, keep_last=kept)
        assert len(shelf.left) == kept
        return
    with pytest.raises(TooManyRemovals) as error:
        shelf.forget(plan=PLAN, keep_last=kept)
    assert f"{backups - kept} of {backups}" in error.value.what
    assert "--allow-many" in error.value.next
    assert len(shelf.left) == backups
    shelf.forget(plan=PLAN, keep_last=kept, allow_many=True)
    assert len(shelf.left) == kept


def test_one_cluster_that_would_lose_too_many_stops_all(shelf):
    put(shelf, 3)
    put(shelf, 10, hostname="other")
    with pytest.raises(TooManyRemovals) as error:
        shelf.forget(plan=PLAN, keep_last=2)
    assert "8 of 10 of the cluster other" in error.value.what
    assert len(shelf.left) == 13


def test_without_a_plan_nothing_is_guarded(shelf):
    put(shelf, 10)
    shelf.forget(keep_last=1)
    assert len(shelf.left) == 1


def test_the_last_good_one_stays_even_if_many_may_go(shelf):
    good = shelf.backup("good", OF_PLAN, days=50)
    partial = [shelf.backup(f"p{day}", OF_PLAN, days=51 + day, outcome="partial") for day in range(5)]
    shelf.forget(plan=PLAN, keep_tags=frozenset({"none"}), allow_many=True)
    assert shelf.left == {good}
    assert not shelf.left & set(partial)


def test_a_guarded_plan_is_looked_at_again_under_the_lock(shelf):
    """What was kept was deleted meanwhile: what is left would lose most."""
    ids = put(shelf, 8)
    options = asked(plan=PLAN, keep_last=4)
    plan = shelf.plan(plan=PLAN, keep_last=4)
    for kept in ids[:3]:
        shelf.repository.delete_snapshot(kept)
    done = forget(shelf.repository, plan, options, Cancel(), Silent())
    assert shelf.left == set(ids[3:7])  # the rules keep four of what is left
    assert sum(not one.keep for one in done.backups) == 1


def test_reports_of_a_plans_failed_runs_go_with_time(shelf):
    def failed(run, days, *tags):
        made = ("kind=report", f"run={run}", "verb=backup create", "outcome=failed", *tags)
        return shelf.put(*made, days=days, paths=("/reports",))

    old, new = failed("old", 31, OF_PLAN), failed("new", 29, OF_PLAN)
    others = {
        failed("other", 31, "plan=web/nightly"),
        failed("by hand", 31),
        shelf.report("restore", 100, verb="restore run"),
    }
    assert whys(shelf.plan(plan=PLAN).byproducts)[old] == ("report of a backup that failed, older than 30 days",)
    shelf.forget(plan=PLAN)
    assert shelf.left == {new, *others}


# A store that fails


def through(shelf, script):
    """The repository through a store that fails as `script(call)` says."""
    return reopen(FaultyStore(shelf.store, script, sleep=lambda _: None), clock=shelf.clock)


@pytest.mark.parametrize("operation", ["list", "get"])
@pytest.mark.parametrize("number", range(1, 9))
def test_nothing_is_decided_on_half_a_list(shelf, operation, number):
    """The n-th request for snapshots fails: while they are listed, or read; before the lock or under it."""
    put(shelf, 6)
    before, seen = shelf.left, []

    def script(call):
        if call.operation == operation and call.name.startswith("snapshots"):
            seen.append(call)
            if len(seen) == number:
                return Fault("before")
        return None

    options = asked(plan=PLAN, keep_last=3)
    try:
        repository = through(shelf, script)
        plan = plan_forget(read_catalog(repository), options, shelf.clock.now())
        forget(repository, plan, options, Cancel(), Silent())
    except StoreUnavailable:
        assert shelf.left == before
    else:
        assert len(seen) < number
        assert len(shelf.left) == 3


def test_a_list_that_breaks_off_in_the_middle_ends_the_run(shelf):
    ids = put(shelf, 6)

    class BreakingOff(MemoryStore):
        def list(self, prefix):
            for count, entry in enumerate(super().list(prefix)):
                if prefix == "snapshots" and count == 3:
                    raise StoreUnavailable("cannot list snapshots", why="the connection was reset")
                yield entry

    broken = BreakingOff()
    for name, _ in shelf.store.list(""):
        broken.put(name, [shelf.store.get(name)])
    with pytest.raises(StoreUnavailable):
        read_catalog(reopen(broken, clock=shelf.clock))
    assert all(broken.size(file_name(one)) for one in ids)
