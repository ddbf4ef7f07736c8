"""Which backup `latest` means with conditions."""

import datetime as dt

import msgspec
import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import NotFound
from holdfast.model.backup import BackupRecord, BackupType, ClusterRecord
from holdfast.model.run import Outcome
from holdfast.operations.catalog import read_catalog
from holdfast.operations.latest import Latest, find_latest
from holdfast.store.memory import MemoryStore

DAY = "2026-11-{:02}T02:00:00Z"


@pytest.fixture(autouse=True)
def _locks_settle_at_once(monkeypatch):
    monkeypatch.setattr("holdfast.repository.lock.SETTLE", 0.0)


class Nights:
    """A backup each night."""

    def __init__(self):
        self.repository = init(MemoryStore())
        self._names = {}

    def put(self, *paths, plan="", hostname="cluster", namespaces=None):
        """`namespaces` are those that a backup by glob found; without, it has no record that can be read."""
        name = f"night-{len(self._names) + 1}"
        tags = ["kind=app", f"name={name}", *([f"plan={plan}"] if plan else [])]
        files = {"backup.json": record(namespaces) if namespaces is not None else b"?"}
        fields = {"tags": tags, "time": DAY.format(len(self._names) + 1), "hostname": hostname, "paths": list(paths)}
        self._names[write_files(self.repository, files, **fields)] = name
        return name

    def latest(self, *namespaces, **conditions):
        wanted = Latest(namespaces=namespaces, **conditions)
        return find_latest(self.repository, read_catalog(self.repository), wanted).name


def record(namespaces):
    return msgspec.json.encode(
        BackupRecord(
            run="",
            name="",
            type=BackupType.FULL,
            outcome=Outcome.DONE,
            started_at="",
            finished_at="",
            holdfast_version="",
            cluster=ClusterRecord(uid="", name="", version=""),
            selection={},
            labels={},
            resources=[],
            namespaces=namespaces,
            excluded={},
            volumes=[],
            changes=None,
            errors=[],
        )
    )


@pytest.fixture
def nights():
    return Nights()


def test_the_newest_of_a_plan(nights):
    nights.put("/namespaces/shop", plan="shop/nightly")
    wanted = nights.put("/namespaces/shop", plan="shop/nightly")
    other = nights.put("/namespaces/shop", plan="shop/weekly")
    by_hand = nights.put("/namespaces/shop")
    assert nights.latest(plan="shop/nightly") == wanted
    assert nights.latest(plan="shop/weekly") == other
    assert nights.latest() == by_hand


def test_before_a_time(nights):
    first = nights.put("/namespaces/shop", plan="shop/nightly")
    nights.put("/namespaces/shop", plan="shop/nightly")
    second = dt.datetime(2026, 11, 2, 2, tzinfo=dt.UTC)
    assert nights.latest(plan="shop/nightly", before=second) == first
    with pytest.raises(NotFound) as error:
        nights.latest(before=second - dt.timedelta(days=1))
    assert "before 2026-11-01" in error.value.why


def test_with_all_the_namespaces_that_are_asked_for(nights):
    both = nights.put("/namespaces/shop", "/namespaces/web")
    web = nights.put("/namespaces/web")
    single = nights.put("/objects/configmaps/shop/settings")
    workload = nights.put("/workloads/deployments.apps/bank/teller")
    nights.put("/srv/namespaces/shop")
    assert nights.latest("web") == web
    assert nights.latest("web", "shop") == both
    assert nights.latest("shop") == single
    assert nights.latest("bank") == workload
    with pytest.raises(NotFound) as error:
        nights.latest("web", "bank")
    assert "namespace web, namespace bank" in error.value.why


def test_of_globs_what_was_found_counts(nights):
    """`latest -n shop` after the namespace is gone: the newest backup of everything has it no more."""
    everything = nights.put("/namespaces/*", namespaces=["shop", "web"])
    nights.put("/namespaces/*", namespaces=["web"])
    nights.put("/namespaces/w*", namespaces=["web"])
    nights.put("/exclude-namespaces/s*", "/namespaces/*", namespaces=["shop"])
    assert nights.latest("shop") == everything


def test_a_glob_asks_for_any_that_fits(nights):
    shop = nights.put("/namespaces/shop-a")
    nights.put("/namespaces/web")
    some = nights.put("/namespaces/*", namespaces=["bank-1"])
    assert nights.latest("shop-*") == shop
    assert nights.latest("bank-?") == some


def test_a_backup_whose_record_is_damaged_may_be_it(nights):
    damaged = nights.put("/namespaces/*")
    assert nights.latest("shop") == damaged


def test_two_clusters_with_a_plan_of_one_name_are_not_mixed_up(nights):
    ours = nights.put("/namespaces/shop", plan="shop/nightly", hostname="ours")
    assert nights.latest(plan="shop/nightly", cluster="new-cluster") == ours
    theirs = nights.put("/namespaces/shop", plan="shop/nightly", hostname="theirs")
    assert nights.latest(plan="shop/nightly", cluster="ours") == ours
    assert nights.latest(plan="shop/nightly", cluster="theirs") == theirs
    for unclear in ("", "new-cluster"):
        with pytest.raises(NotFound) as error:
            nights.latest(plan="shop/nightly", cluster=unclear)
        assert "ours, theirs" in error.value.why
    assert nights.latest() == theirs
