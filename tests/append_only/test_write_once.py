"""Nothing but locks is ever overwritten: every name of whole runs is written once, and again only after a lost answer."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import pytest
from tests.operations.files_harness import back_up, restore
from tests.sample_repository import add_password, check_all, init, reopen

from holdfast.errors import RepositoryExists, StoreRefused, StoreUnavailable
from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.operations.backup_details import delete_backups, find_backups
from holdfast.repository import keys
from holdfast.repository import repository as repository_module
from holdfast.store.memory import MemoryStore
from holdfast.store.retrying import RetryingStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script, SeededFaults
from holdfast.testing.manual_clock import ManualClock


class WitnessStore(MemoryStore):
    """Remembers the digest of all that was ever written under each name, and which names were deleted."""

    def __init__(self):
        super().__init__()
        self.written = defaultdict(list)
        self.deleted = []

    def put(self, name, parts):
        super().put(name, parts)
        self.written[name].append(hashlib.sha256(b"".join(parts)).digest())

    def create(self, name, parts):
        super().create(name, parts)
        self.written[name].append(hashlib.sha256(b"".join(parts)).digest())

    def delete(self, name):
        super().delete(name)
        self.deleted.append(name)

    @property
    def written_twice(self):
        return {name for name, digests in self.written.items() if len(digests) > 1}

    @property
    def changed(self):
        return {name for name, digests in self.written.items() if len(set(digests)) > 1}


@pytest.fixture
def witness():
    return WitnessStore()


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "text").write_text("first")
    (directory / "long").write_bytes(bytes(range(256)) * 20_000)
    return directory


def whole_runs(store, source, target):
    """All that writes, as a user would go through it."""
    repository = init(store)
    with pytest.raises(RepositoryExists):
        init(store)
    back_up(repository, source)
    (source / "text").write_text("second")
    back_up(repository, source)
    repository = reopen(store)  # with an index that knows the third backup too
    same = back_up(repository, source)
    restore(repository, same, target)
    keys.remove_key(store, add_password(repository, "another"))
    assert check_all(repository).errors == []
    delete_backups(repository, find_backups(repository, [same.id]), Cancel())
    assert check_all(reopen(store)).errors == []


def test_no_name_is_written_twice(witness, source, tmp_path):
    whole_runs(witness, source, tmp_path / "target")
    assert {name.partition("/")[0] for name in witness.written} >= {
        "config",
        "keys",
        "data",
        "index",
        "snapshots",
        "locks",
    }
    assert witness.written_twice == set()


def test_only_locks_and_what_was_asked_for_are_deleted(witness, source, tmp_path):
    repository = init(witness)
    run = back_up(repository, source)
    restore(repository, run, tmp_path / "target")
    assert check_all(repository).errors == []
    assert witness.deleted
    assert {name.partition("/")[0] for name in witness.deleted} == {"locks"}
    delete_backups(repository, find_backups(repository, [run.id]), Cancel())
    others = [name for name in witness.deleted if not name.startswith("locks/")]
    assert f"snapshots/{SnapshotId.parse(run.id).hex()}" in others
    assert {name.partition("/")[0] for name in others} == {"snapshots"}


@pytest.mark.parametrize("seed", range(8))
def test_after_a_lost_answer_the_same_content_is_written_again(witness, source, tmp_path, seed):
    faulty = FaultyStore(witness, SeededFaults(seed, {"before": 0.15, "after": 0.15}))
    store = RetryingStore(faulty, cancel=Cancel(), clock=ManualClock(), sleep=lambda _: None)
    whole_runs(store, source, tmp_path / "target")
    assert witness.written_twice
    assert witness.changed == set()


@pytest.mark.parametrize("directory", ["data", "index", "snapshots"])
def test_a_run_that_failed_is_repeated_under_other_names(witness, source, directory):
    """Each encryption is another: what the first run left is not written over by the second."""
    init(witness)
    broken = FaultyStore(witness, Script(Fault("after", "put", f"{directory}/*", times=None)))
    with pytest.raises(StoreUnavailable):
        back_up(reopen(broken), source)
    assert any(name.startswith(directory) for name in witness.written)
    back_up(reopen(witness), source)
    assert check_all(reopen(witness)).errors == []
    assert witness.written_twice == set()


def test_where_nothing_may_be_deleted_the_key_of_a_lost_init_opens_nothing_and_is_passed_over(witness, monkeypatch):
    patterns = ("config", "keys/*", "data/*", "index/*", "snapshots/*")
    faults = [Fault("before", "delete", pattern, times=None, error=StoreRefused) for pattern in patterns]
    limited = FaultyStore(witness, Script(*faults))
    winner = init(limited)
    monkeypatch.setattr(repository_module, "_refuse_existing", lambda _: None)  # it looked before the winner was done
    with pytest.raises(RepositoryExists):
        init(limited)
    assert len(list(witness.list("keys"))) == 2
    assert reopen(limited).key == winner.key
    assert witness.written_twice == set()
