"""No snapshot is published whose data was removed while its run went on."""

import pytest
from tests.repository.pruning import (
    HOUR,
    Writing,
    content,
    damage,
    merge_index,
    names,
    prune,
    timed_repository,
    write,
)
from tests.sample_repository import read_files, reopen

from holdfast.errors import LockLost, StoreUnavailable
from holdfast.model.cancel import Cancel
from holdfast.repository import lock as lock_module
from holdfast.repository.index_file import list_index_files
from holdfast.repository.lock_file import remove_stale_locks
from holdfast.testing.faulty_store import Fault, FaultyStore, Script


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


@pytest.fixture
def repository():
    """With the content 0 in two snapshots' packs; one is there to stay."""
    repository = timed_repository()
    write(repository, stays=content(9))
    return repository


def lose_index(repository):
    for index_id in list_index_files(repository.store):
        repository.store.delete(f"index/{index_id}")


def use(writing, store):
    """Gives a run another store for what it does from now on."""
    writing.repository.store = writing.writer._store = writing.repository._publisher._store = store


def at_snapshot(store, moment, action):
    """A store that does something before or after the snapshot is stored."""

    class Acting(FaultyStore):
        def put(self, name, parts):
            if name.startswith("snapshots/") and moment == "before":
                action()
            super().put(name, parts)
            if name.startswith("snapshots/") and moment == "after":
                action()

    return Acting(store)


def test_index_files_that_were_merged_are_no_reason_to_refuse(repository):
    writing = Writing(repository).save(stays=content(9), new=content(1))
    merge_index(repository)
    assert read_files(reopen(repository.store), writing.publish()) == {"stays": content(9), "new": content(1)}
    assert damage(repository) == []


def test_data_that_was_removed_before_is_noticed(repository):
    writing = Writing(repository).save(stays=content(9))
    before = names(repository.store, "snapshots")
    lose_index(repository)
    with pytest.raises(LockLost, match="was removed while this run went on") as caught:
        writing.publish()
    assert "stores what is missing" in caught.value.next
    assert names(repository.store, "snapshots") == before


@pytest.mark.parametrize("moment", ["before", "after"])
def test_data_that_is_removed_while_the_snapshot_is_stored_is_noticed(repository, moment):
    writing = Writing(repository).save(stays=content(9))
    before = names(repository.store, "snapshots")
    use(writing, at_snapshot(repository.store, moment, lambda: lose_index(repository)))
    with pytest.raises(LockLost, match="was removed while this run went on"):
        writing.publish()
    assert names(repository.store, "snapshots") == before


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_merge_while_the_snapshot_is_stored_is_harmless(repository, moment):
    writing = Writing(repository).save(stays=content(9))
    use(writing, at_snapshot(repository.store, moment, lambda: merge_index(repository)))
    assert read_files(reopen(repository.store), writing.publish()) == {"stays": content(9)}


def test_a_lock_that_is_lost_while_the_snapshot_is_stored_leaves_none(repository):
    """restic's prune may have listed snapshots just before: nobody can know, so it is not published."""
    writing = Writing(repository).save(stays=content(9))
    before = names(repository.store, "snapshots")
    use(writing, at_snapshot(repository.store, "before", lambda: repository.clock.advance(HOUR)))
    with pytest.raises(LockLost, match="lock was lost"):
        writing.publish()
    assert names(repository.store, "snapshots") == before


def test_who_may_not_delete_snapshots_is_told_all_the_same(repository):
    writing = Writing(repository).save(stays=content(9))
    acting = at_snapshot(repository.store, "after", lambda: lose_index(repository))
    acting._faults = Script(Fault("before", "delete", "snapshots/*", times=None))
    use(writing, acting)
    with pytest.raises(LockLost, match="is in the repository, and data that it needs may not be") as caught:
        writing.publish()
    assert "repository check" in caught.value.next
    assert damage(repository)


def test_a_store_that_does_not_answer_after_the_snapshot_leaves_none(repository):
    """The run has failed then, and a failed run has no snapshot."""
    writing = Writing(repository).save(stays=content(9))
    before = names(repository.store, "snapshots")
    use(writing, FaultyStore(repository.store, Script(Fault("before", "list", "index", skip=1))))
    with pytest.raises(StoreUnavailable):
        writing.publish()
    assert names(repository.store, "snapshots") == before


def test_marks_that_change_are_no_reason_to_look_for_everything(repository):
    gone = write(repository, old=content(1))
    repository.delete_snapshot(gone)
    prune(repository)
    writing = Writing(repository).save(stays=content(9))
    prune(repository, max_unused=0)
    repository.delete_snapshot(write(repository, other=content(2)))
    prune(repository)
    store = FaultyStore(repository.store)
    use(writing, store)
    writing.publish()
    assert [call for call in store.calls if call.operation.startswith("get")] == []


# the index that a writer goes by


def test_an_index_of_before_the_lock_is_loaded_anew_if_anything_was_removed(repository):
    again = reopen(repository.store, clock=repository.clock)
    old = again.index
    merge_index(repository)
    with again.lock(Cancel()) as lock:
        again.writer(lock, Cancel()).close()
    assert again.index is not old
    assert again.index.files == set(list_index_files(repository.store))


def test_an_index_of_before_the_lock_is_loaded_anew_if_packs_were_marked(repository):
    repository.delete_snapshot(write(repository, old=content(1)))
    again = reopen(repository.store, clock=repository.clock)
    assert again.index.marks == {}
    prune(repository)
    with again.lock(Cancel()) as lock:
        again.writer(lock, Cancel()).close()
    assert len(again.index.marks) == 2


def test_an_index_of_before_the_lock_is_good_if_nothing_changed(repository):
    again = reopen(repository.store, clock=repository.clock)
    old = again.index
    for _ in range(2):
        with again.lock(Cancel()) as lock:
            again.writer(lock, Cancel()).close()
    assert again.index is old


# beside a prune


@pytest.fixture
def unprotected(repository):
    """A run that counts on data which nothing else needs, and whose lock somebody removes by hand while it publishes."""
    old = write(repository, old=content(1))
    writing = Writing(repository).save(old=content(1))
    repository.delete_snapshot(old)
    return writing


def remove_unneeded(repository):
    remove_stale_locks(repository.store, repository.key, repository.clock, all_locks=True)
    return prune(repository, hours=0).removed_packs


def test_a_run_without_lock_fails_if_packs_went_before_its_snapshot_was_seen(repository, unprotected):
    removed = []
    use(unprotected, at_snapshot(repository.store, "before", lambda: removed.append(remove_unneeded(repository))))
    with pytest.raises(LockLost):
        unprotected.publish()
    assert removed == [2]
    assert damage(repository) == []
