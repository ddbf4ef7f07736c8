"""Prune in real repositories: what goes, when, and what never does."""

import datetime as dt
import os
from collections import Counter

import pytest
from tests.repository.pruning import (
    DAY,
    HOUR,
    MINUTE,
    Writing,
    all_files,
    content,
    damage,
    marks,
    merge_index,
    names,
    packs,
    plan,
    prune,
    timed_repository,
    write,
)
from tests.sample_repository import init, read_files, reopen

from holdfast.errors import Cancelled, DamagedData, RepositoryLocked, StoreUnavailable
from holdfast.ids import BlobId, LockId, PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import index_loader, sealed
from holdfast.repository import index_rewriter as rewriter_module
from holdfast.repository import lock as lock_module
from holdfast.repository import prune as prune_module
from holdfast.repository import sweep as sweep_module
from holdfast.repository import writer as writer_module
from holdfast.repository.blob import Compressed, seal_blob
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.index_file import decode_packs, list_index_files, load_index_files, save_index
from holdfast.repository.layout import file_name
from holdfast.repository.lock_file import Holder, LockFile, Role
from holdfast.repository.pack import BlobType
from holdfast.repository.prune_estimate import estimate_seconds
from holdfast.repository.prune_plan import Action, PruneOptions
from holdfast.repository.repository import open_repository
from holdfast.store.local import LocalStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


@pytest.fixture(params=["memory", "directory"])
def repository(request, directory, restic_agrees):
    """With a snapshot that stays. Both restics must find it whole after the test."""
    made = timed_repository(LocalStore(directory) if request.param == "directory" else None)
    write(made, stays=content(0))
    yield made
    restic_agrees(made.store)


@pytest.fixture
def damaged():
    """The same for tests that damage it."""
    made = timed_repository()
    write(made, stays=content(0))
    return made


def forget(repository, *snapshot_ids):
    for snapshot_id in snapshot_ids:
        repository.delete_snapshot(snapshot_id)


def rubbish(repository, number=1):
    """Two packs that nothing needs any more: one of data, one of a tree."""
    before = packs(repository.store)
    forget(repository, write(repository, **{f"gone{number}": content(number)}))
    return packs(repository.store) - before


def others_lock(repository, *, began=None, age=0.0, exclusive=False):
    """A lock of a run on another machine, of ours if it says when it began, written `age` seconds ago."""
    now = repository.clock.now()
    holder = Holder(run="other", started=began.isoformat(), role=Role.WORK) if began is not None else None
    file = LockFile(
        time=(now - dt.timedelta(seconds=age)).isoformat(),
        exclusive=exclusive,
        hostname="elsewhere",
        username="somebody",
        pid=1,
        holdfast=holder,
    )
    return sealed.save(repository.store, repository.key, file, LockId)


def after(moment, **time):
    return moment + dt.timedelta(**time)


# marking, waiting, removing


def test_what_nothing_needs_is_marked_then_removed_when_its_time_has_come(repository):
    unneeded = rubbish(repository)
    report = prune(repository)
    marked = repository.clock.now()
    assert (report.marked_packs, report.removed_packs) == (2, 0)
    assert marks(repository) == {PackId.parse(pack): marked for pack in unneeded}
    repository.clock.advance(DAY - 1)
    report = prune(repository)
    assert (report.marked_packs, report.removed_packs) == (0, 0)
    assert report.plan.next_removal == after(marked, days=1)
    assert unneeded < packs(repository.store)
    repository.clock.advance(1)
    size = sum(repository.store.size(file_name(PackId.parse(pack))) for pack in unneeded)
    report = prune(repository)
    assert (report.removed_packs, report.removed_bytes) == (2, size)
    assert not unneeded & packs(repository.store)
    assert marks(repository) == {}
    assert damage(repository) == []


def test_nothing_is_left_of_what_was_there_in_between(repository):
    before = all_files(repository.store)
    rubbish(repository)
    prune(repository)
    repository.clock.advance(DAY)
    prune(repository)
    assert all_files(repository.store) == before  # no file of marks either
    assert names(repository.store, "locks") == []


def test_a_grace_of_nothing_removes_at_once(repository):
    rubbish(repository)
    report = prune(repository, hours=0)
    assert (report.marked_packs, report.removed_packs) == (2, 2)
    assert len(packs(repository.store)) == 2


def test_a_repository_without_rubbish_is_not_changed(repository):
    before = all_files(repository.store)
    report = prune(repository)
    assert {action for _, action in report.plan.actions} == {Action.KEEP}
    assert all_files(repository.store) == before


def test_an_empty_repository_is_pruned(damaged):
    forget(damaged, *damaged.snapshot_ids())
    prune(damaged)
    damaged.clock.advance(DAY)
    assert prune(damaged).removed_packs == 2
    assert packs(damaged.store) == set()
    assert names(damaged.store, "index") == []
    assert prune(damaged).plan.actions == ()


@pytest.mark.parametrize("hours", [0, 24])
def test_a_second_run_changes_nothing(repository, hours):
    old = write(repository, a=content(1), b=content(2))
    write(repository, a=content(1))
    forget(repository, old)
    rubbish(repository)
    prune(repository, hours=hours, max_unused=0.0)
    before = all_files(repository.store)
    report = prune(repository, hours=hours, max_unused=0.0)
    assert all_files(repository.store) == before
    counts = (report.marked_packs, report.recovered_packs, report.repacked_packs, report.removed_packs)
    assert counts == (0, 0, 0, 0)


def test_a_plan_changes_nothing_and_says_what_prune_does(repository):
    rubbish(repository)
    before = all_files(repository.store)
    made = plan(repository)
    assert all_files(repository.store) == before
    assert made == prune(repository).plan
    assert made.totals(Action.MARK)[0] == 2


# recovering


def test_a_pack_that_a_snapshot_needs_again_is_recovered(repository):
    """The run began before the mark and published after it."""
    old = write(repository, a=content(1))
    writing = Writing(repository).save(a=content(1))
    forget(repository, old)
    prune(repository)
    published = writing.sleep(2 * HOUR).publish()
    report = prune(repository)
    assert report.recovered_packs == 2  # its directory is that of the old snapshot
    assert marks(repository) == {}
    assert read_files(reopen(repository.store), published) == {"a": content(1)}


def test_a_pack_that_is_needed_again_when_its_time_has_come_is_recovered(repository):
    old = write(repository, a=content(1), b=content(2))
    writing = Writing(repository).save(a=content(1))
    forget(repository, old)
    prune(repository)
    writing.sleep(DAY).publish()
    report = prune(repository, max_unused=1.0)
    assert (report.recovered_packs, report.removed_packs) == (1, 1)  # the old directory goes
    assert damage(repository) == []


def test_a_snapshot_that_comes_between_survey_and_sweep_is_seen(repository, monkeypatch):
    old = write(repository, a=content(1))
    writing = Writing(repository).save(a=content(1))
    forget(repository, old)
    prune(repository)
    writing.sleep(DAY)
    surveyed = prune_module.survey_repository

    def survey(*arguments):
        found = surveyed(*arguments)
        writing.publish()
        return found

    monkeypatch.setattr(prune_module, "survey_repository", survey)
    report = prune(repository)
    assert report.plan.totals(Action.DELETE)[0] == 2
    assert (report.recovered_packs, report.removed_packs) == (2, 0)
    assert marks(repository) == {}
    assert damage(repository) == []


def test_recovered_packs_are_marked_anew_when_they_are_rubbish_again(repository):
    old = write(repository, a=content(1))
    writing = Writing(repository).save(a=content(1))
    forget(repository, old)
    prune(repository)
    again = writing.sleep(2 * HOUR).publish()
    prune(repository)
    forget(repository, again)
    repository.clock.advance(DAY)
    assert prune(repository).removed_packs == 0
    assert set(marks(repository).values()) == {repository.clock.now()}


# runs that go on meanwhile


@pytest.mark.parametrize(
    ("began", "removed"),
    [
        ({"hours": -1}, 0),
        ({"minutes": 0}, 0),
        ({"minutes": 60}, 0),  # clocks may differ so much
        ({"minutes": 61}, 2),
        ({"hours": 23}, 2),
    ],
)
def test_a_run_holds_back_what_was_marked_after_it_began(repository, began, removed):
    rubbish(repository)
    prune(repository)
    marked = repository.clock.now()
    repository.clock.advance(DAY)
    lock = others_lock(repository, began=after(marked, **began))
    report = prune(repository)
    assert report.removed_packs == removed
    assert ("by process 1 of somebody on elsewhere" in report.held_back) == (removed == 0)
    repository.store.delete(file_name(lock))
    assert prune(repository).removed_packs == 2 - removed


def test_a_run_holds_back_only_what_it_may_count_on(repository):
    rubbish(repository, 1)
    prune(repository)
    repository.clock.advance(2 * HOUR)
    began = repository.clock.now()
    rubbish(repository, 2)
    prune(repository)
    repository.clock.advance(DAY)
    lock = others_lock(repository, began=began)
    report = prune(repository)
    assert report.removed_packs == 2
    assert report.held_back
    assert len(marks(repository)) == 2
    repository.store.delete(file_name(lock))


def test_stale_locks_do_not_hold_back(repository):
    rubbish(repository)
    began = repository.clock.now()
    prune(repository)
    repository.clock.advance(DAY)
    lock = others_lock(repository, began=began, age=31 * MINUTE)
    report = prune(repository)
    assert (report.removed_packs, report.held_back) == (2, "")
    repository.store.delete(file_name(lock))


def test_a_shared_lock_of_restic_holds_the_sweep_back_but_not_the_rest(repository):
    rubbish(repository)
    prune(repository)
    repository.clock.advance(DAY)
    more = rubbish(repository, 2)
    lock = others_lock(repository)
    report = prune(repository)
    assert (report.marked_packs, report.removed_packs) == (2, 0)
    assert "another program is at work" in report.held_back
    assert {PackId.parse(pack) for pack in more} < set(marks(repository))
    repository.store.delete(file_name(lock))


def test_an_exclusive_lock_refuses_prune(repository):
    lock = others_lock(repository, exclusive=True)
    with pytest.raises(RepositoryLocked):
        prune(repository)
    with pytest.raises(RepositoryLocked):
        plan(repository)
    repository.store.delete(file_name(lock))


def test_two_prunes_at_once_are_refused(repository):
    rubbish(repository)
    with repository.lock(Cancel(), role=Role.PRUNE), pytest.raises(RepositoryLocked):
        prune(repository)
    assert marks(repository) == {}


def test_a_run_that_goes_on_for_days_stays_whole(repository):
    """It counts on data that was forgotten and marked since; prunes go on beside it."""
    old = write(repository, a=content(1), b=content(2))
    writing = Writing(repository).save(a=content(1))
    forget(repository, old)
    for _ in range(3):
        prune(repository, max_unused=0.0)
        writing.sleep(DAY).save(c=content(3))
    assert read_files(reopen(repository.store), writing.publish()) == {"a": content(1), "c": content(3)}
    prune(repository, max_unused=0.0)
    repository.clock.advance(DAY)
    prune(repository, max_unused=0.0)
    assert damage(repository) == []


def test_a_run_that_begins_after_the_mark_does_not_hold_back_and_stays_whole(repository):
    rubbish(repository, 1)
    prune(repository)
    repository.clock.advance(2 * HOUR)
    writing = Writing(repository).save(gone=content(1))
    writing.sleep(DAY)
    assert prune(repository).removed_packs == 2
    assert read_files(reopen(repository.store), writing.publish()) == {"gone": content(1)}


def test_what_a_running_backup_has_stored_is_not_removed_under_it(repository):
    writing = Writing(repository).save(a=content(1))
    assert prune(repository).marked_packs == 1  # no snapshot needs it yet
    writing.sleep(2 * DAY)
    assert "still goes on" in prune(repository).held_back
    writing.publish()
    assert prune(repository).recovered_packs == 1


# packs that no index lists


@pytest.fixture
def orphan(repository):
    """A pack whose run died before it wrote the index; the run's lock is gone."""
    before = all_files(repository.store)
    rubbish(repository)
    added = all_files(repository.store).keys() - before.keys()
    for name in added:
        if not name.startswith("data/"):
            repository.store.delete(name)
    (pack, *others) = sorted(name for name in added if name.startswith("data/"))
    for name in others:
        repository.store.delete(name)
    return pack


def test_a_pack_that_no_index_lists_is_marked_then_removed(repository, orphan):
    assert prune(repository).marked_packs == 1
    assert repository.store.size(orphan)
    repository.clock.advance(DAY)
    assert prune(repository).removed_packs == 1
    assert orphan not in names(repository.store, "data")


def test_a_pack_that_a_running_backup_has_not_listed_yet_is_not_removed(repository):
    writing = Writing(repository)
    unindexed = Fault("before", "put", "index/*")
    writing.writer._store = FaultyStore(repository.store, Script(unindexed))
    with pytest.raises(StoreUnavailable):
        writing.save(a=content(1))  # its pack is there
    assert prune(repository).marked_packs == 1
    writing.sleep(2 * DAY)
    assert prune(repository).removed_packs == 0
    writing.end()
    assert prune(repository).removed_packs == 1


def test_a_pack_that_is_listed_at_last_and_needed_is_kept(repository):
    """By a run without a lock, which took longer to write its index than the grace period."""
    before = all_files(repository.store)
    write(repository, a=content(1))
    late = {name: repository.store.get(name) for name in all_files(repository.store).keys() - before.keys()}
    for name in late:
        if not name.startswith("data/"):
            repository.store.delete(name)
    assert prune(repository).marked_packs == 2
    repository.clock.advance(DAY)
    for name, stored in late.items():
        repository.store.put(name, [stored])
    assert prune(repository).recovered_packs == 2
    assert damage(repository) == []


# copies


def two_copies(repository, same, first, second):
    """Two runs that go on side by side store the same content, each with some of its own."""
    one, other = Writing(repository), Writing(repository)
    one.save(same=same, **first)
    other.save(same=same, **second)
    return one.publish(), other.publish()


def test_of_a_blob_in_two_packs_exactly_one_copy_stays(repository):
    two_copies(repository, content(1), {}, {"more": content(2)})
    blob = BlobId.of(content(1))
    assert len(reopen(repository.store).index.places(BlobType.DATA, blob)) == 2
    for _ in range(3):
        prune(repository, max_unused=0.0)
        repository.clock.advance(DAY)
    assert len(reopen(repository.store).index.places(BlobType.DATA, blob)) == 1
    assert sum(pack.unused_blobs for pack in plan(repository).packs(*Action)) == 0
    assert damage(repository) == []


def test_a_pack_of_nothing_but_copies_is_not_needed(repository):
    two_copies(repository, content(1), {}, {})
    report = prune(repository)
    data = [pack for pack in report.plan.packs(Action.MARK) if pack.type is BlobType.DATA]
    assert len(data) == 1
    repository.clock.advance(DAY)
    prune(repository)
    assert damage(repository) == []


# repacking


@pytest.fixture
def half(repository):
    """A pack of which a half is needed; gives the snapshot that needs it."""
    old = write(repository, a=content(1), b=content(2))
    new = write(repository, a=content(1))
    forget(repository, old)
    return new


def test_what_is_needed_of_a_pack_is_stored_anew_and_the_pack_goes(repository, half):
    report = prune(repository)
    assert report.repacked_packs == 1
    assert report.stored_bytes == report.plan.rewritten_bytes
    assert read_files(reopen(repository.store), half) == {"a": content(1)}
    repository.clock.advance(DAY)
    assert prune(repository).removed_packs == 2  # with the old tree
    assert read_files(reopen(repository.store), half) == {"a": content(1)}
    assert not reopen(repository.store).index.has(BlobType.DATA, BlobId.of(content(2)))
    assert plan(repository, max_unused=0.0).unused_bytes_left == 0


@pytest.mark.parametrize(
    ("options", "repacked"),
    [
        ({"max_unused": 1.0}, 0),
        ({"max_unused": 0.5}, 0),
        ({"max_unused": 0.05}, 1),
        ({"max_unused": 0.0}, 1),
        ({"max_unused": 0.0, "max_repack": 100}, 0),
        ({"max_unused": 0.0, "max_repack": 100_000}, 1),
    ],
)
@pytest.mark.usefixtures("half")
def test_options_bound_what_is_repacked(repository, options, repacked):
    assert prune(repository, **options).repacked_packs == repacked


def test_a_bounded_prune_comes_to_its_end_in_several_runs(repository):
    old, new = [], []
    for number in range(4):
        old.append(write(repository, a=content(2 * number + 1), b=content(2 * number + 2)))
        new.append(write(repository, a=content(2 * number + 1)))
    forget(repository, *old)
    sizes = Counter()
    for turn in range(5):
        report = prune(repository, max_unused=0.0, max_repack=4000)
        sizes[turn] = report.repacked_packs
    assert sum(sizes.values()) == 4
    assert max(sizes.values()) < 4
    assert all(read_files(reopen(repository.store), one) for one in new)


def test_small_packs_are_made_few(repository):
    snapshots = [write(repository, **{f"f{number}": content(number)}) for number in range(1, 12)]
    report = prune(repository, hours=0, max_unused=1.0)
    assert report.repacked_packs == 24  # 12 of data, 12 of trees
    assert len(packs(repository.store)) == 2
    for number, snapshot_id in enumerate(snapshots, 1):
        assert read_files(reopen(repository.store), snapshot_id) == {f"f{number}": content(number)}


def test_a_repack_that_died_goes_on_and_what_was_marked_waits_anew(repository, half):
    """Until it was repacked, what is needed was in the marked pack only: whoever reads it there gets the whole grace period."""
    dying = reopen(repository.store, clock=repository.clock)
    dying.store = FaultyStore(repository.store, Script(Fault("before", "put", "data/*", times=None)))
    with pytest.raises(StoreUnavailable):
        prune(dying)
    assert len(marks(repository)) == 2
    for name in names(repository.store, "locks"):
        repository.store.delete(name)
    repository.clock.advance(DAY)
    report = prune(repository)
    assert report.repacked_packs == 1
    assert report.removed_packs == 1  # the tree of the old snapshot
    assert set(marks(repository).values()) == {repository.clock.now()}
    assert read_files(reopen(repository.store), half) == {"a": content(1)}
    repository.clock.advance(DAY)
    assert prune(repository).removed_packs == 1


def test_a_pack_with_flipped_bits_is_not_repacked(damaged):
    old = write(damaged, a=content(1), b=content(2))
    write(damaged, a=content(1))
    forget(damaged, old)
    (pack,) = plan(damaged).packs(Action.REPACK)
    name = file_name(pack.id)
    stored = bytearray(damaged.store.get(name))
    stored[50] ^= 1
    damaged.store.put(name, [bytes(stored)])
    before = packs(damaged.store)
    with pytest.raises(DamagedData, match=f"pack {pack.id.short} is damaged"):
        prune(damaged)
    assert packs(damaged.store) == before


def test_a_blob_that_is_not_what_its_id_says_is_not_carried_on(damaged, monkeypatch):
    """The pack is what its name says, so only opening each blob can tell."""
    forged = seal_blob(damaged.key, Compressed(BlobId.of(content(3)), content(3), 0))
    real = writer_module.seal_blob

    def forge(key, blob):
        return forged._replace(id=blob.id) if blob.id == BlobId.of(content(1)) else real(key, blob)

    monkeypatch.setattr(writer_module, "seal_blob", forge)
    old = write(damaged, a=content(1), b=content(2))
    write(damaged, a=content(1))
    forget(damaged, old)
    before = packs(damaged.store)
    with pytest.raises(DamagedData):
        prune(damaged)
    assert packs(damaged.store) == before


def test_uncompressed_trees_of_the_old_format_are_compressed(repository, monkeypatch):
    monkeypatch.setattr(
        writer_module,
        "compress_parts",
        lambda parts: Compressed(BlobId.of(b"".join(parts := list(parts))), b"".join(parts), 0),
    )
    snapshots = [write(repository, **{f"f{number}": content(number)}) for number in range(1, 12)]
    monkeypatch.undo()
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)

    def plain():
        return [
            found
            for found in reopen(repository.store).index.blobs()
            if found.blob.type is BlobType.TREE and not found.blob.plain_length
        ]

    assert len(plain()) == 11
    prune(repository, hours=0)
    assert plain() == []
    assert read_files(reopen(repository.store), snapshots[0]) == {"f1": content(1)}


# what is done to a damaged repository, which is nothing


def first(repository, directory):
    return names(repository.store, directory)[0]


def needed_pack(repository, blob_type):
    index = reopen(repository.store).index
    packs = (found.pack for found in index.blobs() if found.blob.type is blob_type)
    return file_name(next(pack for pack in packs if pack not in index.marks))


def tree_pack(repository):
    return needed_pack(repository, BlobType.TREE)


def data_pack(repository):
    return needed_pack(repository, BlobType.DATA)


def flip(store, name, at=20):
    stored = bytearray(store.get(name))
    stored[at] ^= 1
    store.put(name, [bytes(stored)])


def lose_listing(repository):
    """Of the data of the snapshot: its index file is gone, as after a bad repair."""
    for index_id, file in load_index_files(repository.store, repository.key, list_index_files(repository.store)):
        repository.store.delete(file_name(index_id))
        kept = [pack for pack in decode_packs(file) if pack[1][0].type is BlobType.TREE]
        save_index(repository.store, repository.key, kept)


DAMAGE = {
    "index file": lambda repository: flip(repository.store, first(repository, "index")),
    "index file cut": lambda repository: repository.store.put(first(repository, "index"), [b"x" * 20]),
    "snapshot": lambda repository: flip(repository.store, first(repository, "snapshots")),
    "tree": lambda repository: flip(repository.store, tree_pack(repository)),
    "tree pack missing": lambda repository: repository.store.delete(tree_pack(repository)),
    "pack missing": lambda repository: repository.store.delete(data_pack(repository)),
    "pack cut": lambda repository: repository.store.put(
        data_pack(repository), [repository.store.get(data_pack(repository))[:-1]]
    ),
    "blob not listed": lose_listing,
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("is_due", [False, True])
def test_a_damaged_repository_is_not_touched(kind, is_due):
    repository = timed_repository()
    write(repository, a=content(1))
    if is_due:
        rubbish(repository, 2)
        prune(repository)
        repository.clock.advance(DAY)
    DAMAGE[kind](repository)
    before = all_files(repository.store)
    with pytest.raises(DamagedData, match="the repository is damaged, so nothing is removed from it") as caught:
        prune(repository)
    assert "repository check" in caught.value.next
    assert caught.value.why
    assert all_files(repository.store) == before
    assert names(repository.store, "locks") == []
    with pytest.raises(DamagedData):
        plan(repository)


def test_a_pack_that_is_lost_and_not_needed_goes_as_any_other(damaged):
    """A prune that was stopped for long can leave such a one. Its mark keeps writers from counting on it."""
    lost = PackId.parse(min(rubbish(damaged)))
    damaged.store.delete(file_name(lost))
    prune(damaged)
    assert lost in reopen(damaged.store).index.marks
    damaged.clock.advance(DAY)
    prune(damaged)
    assert not reopen(damaged.store).index.has_pack(lost)


def test_index_damage_that_comes_between_survey_and_sweep_stops_the_sweep(damaged, monkeypatch):
    rubbish(damaged)
    prune(damaged)
    damaged.clock.advance(DAY)
    swept = prune_module.sweep

    def sweep(*arguments):
        damaged.store.put(f"index/{'ab' * 32}", [b"no index file"])
        return swept(*arguments)

    monkeypatch.setattr(prune_module, "sweep", sweep)
    before = packs(damaged.store)
    with pytest.raises(DamagedData):
        prune(damaged)
    assert packs(damaged.store) == before


# index files


def test_many_small_index_files_become_few(repository):
    for number in range(1, 70):
        writing = Writing(repository).save(**{f"f{number}": content(number, size=200)})
        writing.publish()
    assert len(list_index_files(repository.store)) > 64
    prune(repository, max_unused=1.0, max_repack=0)
    assert len(list_index_files(repository.store)) == 1
    assert damage(repository) == []


def test_few_small_index_files_stay(repository):
    for number in range(1, 10):
        write(repository, **{f"f{number}": content(number)})
    before = list_index_files(repository.store)
    prune(repository, max_unused=1.0, max_repack=0)
    assert list_index_files(repository.store) == before


def test_index_files_are_split_where_a_writer_splits_them(repository, monkeypatch):
    for number in range(1, 10):
        write(repository, **{f"f{number}": content(number)})
    rubbish(repository, 30)
    for module in (sweep_module, rewriter_module):
        monkeypatch.setattr(module, "FULL_AT", 6)
    monkeypatch.setattr(sweep_module, "_MANY_FILES", 2)
    prune(repository, hours=0, max_unused=1.0, max_repack=0)
    counts = [
        file.blob_count()
        for _, file in load_index_files(repository.store, repository.key, list_index_files(repository.store))
    ]
    assert sum(counts) == 20
    assert max(counts) < 10
    assert damage(repository) == []


def test_what_a_dead_sweep_left_listed_twice_is_cleaned_by_the_next(repository):
    """It stored new index files and died before it removed the old ones."""
    rubbish(repository)
    merge_index(repository)  # so that one index file lists what goes and what stays
    prune(repository)
    repository.clock.advance(DAY)
    dying = reopen(repository.store, clock=repository.clock)
    dying.store = FaultyStore(repository.store, Script(Fault("before", "delete", "index/*", times=None)))
    with pytest.raises(StoreUnavailable):
        prune(dying)
    for name in names(repository.store, "locks"):
        repository.store.delete(name)
    assert damage(repository) == []
    assert prune(repository).removed_packs == 2
    listed = [
        pack_id
        for _, file in load_index_files(repository.store, repository.key, list_index_files(repository.store))
        for pack_id, _ in decode_packs(file)
    ]
    assert len(listed) == len(set(listed)) == 2


@pytest.mark.parametrize("deletes", [0, 1])
def test_packs_that_a_dead_sweep_left_behind_go_with_the_next(repository, deletes):
    unneeded = rubbish(repository)
    prune(repository)
    repository.clock.advance(DAY)
    dying = reopen(repository.store, clock=repository.clock)
    dying.store = FaultyStore(repository.store, Script(Fault("before", "delete", "data/*", skip=deletes, times=None)))
    with pytest.raises(StoreUnavailable):
        prune(dying)
    assert len(packs(repository.store) & unneeded) == 2 - deletes
    assert damage(repository) == []
    report = prune(repository)
    assert report.removed_packs == 2 - deletes
    assert not packs(repository.store) & unneeded
    assert marks(repository) == {}


def test_a_cancelled_prune_stops_and_gives_its_locks_back(repository):
    rubbish(repository)
    cancel = Cancel()
    cancel.request()
    before = all_files(repository.store)
    with pytest.raises(Cancelled):
        prune_module.prune(reopen(repository.store, clock=repository.clock), PruneOptions(), cancel, Silent())
    assert all_files(repository.store) == before
    assert names(repository.store, "locks") == []


# an index from a cache, and estimates


def test_an_index_in_segments_says_the_same(repository, half, tmp_path, monkeypatch):
    two_copies(repository, content(5), {}, {"more": content(6)})
    rubbish(repository, 7)
    prune(repository, max_unused=1.0)
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)
    cached = open_repository(repository.store, "test", repository.clock, IndexCache(tmp_path / "cache", lambda _: None))
    made = prune_module.plan(cached, PruneOptions(max_unused=0.0), Cancel(), Silent())
    assert cached.index.segments
    assert made == plan(repository, max_unused=0.0)
    prune_module.prune(cached, PruneOptions(max_unused=0.0, grace=dt.timedelta(0)), Cancel(), Silent())
    assert plan(repository, max_unused=0.0).unused_bytes_left == 0
    assert read_files(cached, half) == {"a": content(1)}


@pytest.mark.usefixtures("half")
def test_an_estimate_is_measured_on_what_is_there(repository):
    assert estimate_seconds(repository, plan(repository, max_unused=1.0)) == 0.0
    assert estimate_seconds(repository, plan(repository)) > 0.0
    prune(repository, max_unused=1.0)
    repository.clock.advance(DAY)
    due = plan(repository, max_unused=1.0)
    assert due.totals(Action.DELETE)[0] == 1
    assert estimate_seconds(repository, due) > 0.0


# restic before, between and after


@pytest.fixture
def shared(directory):
    """A directory that restic and we use; the clock is the real one, moved by hand."""
    made = init(LocalStore(directory), clock=ManualClock(dt.datetime.now(dt.UTC)))
    write(made, stays=content(0), half=content(1))
    write(made, stays=content(0))
    return made


def test_restics_prune_between_ours_harms_nothing(shared, restic, directory, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(10_000))
    restic.run(directory, "backup", tmp_path / "file")
    gone = rubbish(shared, 2)
    prune(shared)
    assert len(marks(shared)) == 2
    restic.check(directory)
    restic.run(directory, "prune", "--max-unused", "0")
    assert not gone & packs(shared.store)
    restic.check(directory)
    assert damage(shared) == []
    shared.clock.advance(DAY)
    assert prune(shared).removed_packs == 0
    rubbish(shared, 3)
    prune(shared, hours=0, max_unused=0.0)
    restic.check(directory)
    restic.run(directory, "prune", "--max-unused", "0")
    restic.check(directory)
    assert damage(shared) == []


def test_restic_forgets_and_we_prune(shared, restic, directory, tmp_path):
    (tmp_path / "file").write_bytes(os.urandom(10_000))
    restic.run(directory, "backup", tmp_path / "file")
    before = len(packs(shared.store))
    restic.run(directory, "forget", "--keep-last", "1", "--group-by", "", "latest")
    restic.run(directory, "forget", *[name.rpartition("/")[2] for name in names(shared.store, "snapshots")][:1])
    prune(shared, max_unused=0.0)
    restic.check(directory)
    shared.clock.advance(DAY)
    assert prune(shared, max_unused=0.0).removed_packs > 0
    restic.check(directory)
    assert len(packs(shared.store)) <= before


def test_restics_repair_of_the_index_drops_marks_and_nothing_else(shared, restic, directory):
    rubbish(shared, 2)
    prune(shared)
    old = "0.14" in restic.run("/nowhere", "version")
    restic.run(directory, *(["rebuild-index"] if old else ["repair", "index"]))
    restic.check(directory)
    assert damage(shared) == []
    shared.clock.advance(DAY)
    for _ in range(2):
        prune(shared)
        restic.check(directory)
        shared.clock.advance(DAY)
    assert marks(shared) == {}
    assert damage(shared) == []


def test_restics_backup_uses_a_marked_pack_and_we_recover_it(shared, restic, directory, tmp_path):
    (tmp_path / "file").write_bytes(content(5))
    restic.run(directory, "backup", tmp_path / "file")
    theirs = [one for one in shared.snapshot_ids() if shared.load_snapshot(one).paths == [str(tmp_path / "file")]]
    forget(shared, *theirs)
    prune(shared)
    assert marks(shared)
    restic.run(directory, "backup", tmp_path / "file")  # finds its data in the marked pack
    shared.clock.advance(2 * DAY)
    assert prune(shared).recovered_packs >= 1
    restic.check(directory)


def test_restic_finds_it_whole_between_any_two_changes_of_a_prune(shared, restics, directory):
    """Each file that prune stores or deletes is one change; after each both restics look."""
    forget(shared, shared.snapshot_ids()[0])
    rubbish(shared, 2)
    checks = []

    def look():
        for restic in restics:
            assert "no errors were found" in restic.run(directory, "check", "--no-lock")
        checks.append(1)

    class Checked(LocalStore):
        def put(self, name, parts):
            super().put(name, parts)
            if not name.startswith("locks/"):
                look()

        def delete(self, name):
            super().delete(name)
            if not name.startswith("locks/"):
                look()

    again = reopen(shared.store, clock=shared.clock)
    again.store = Checked(directory)
    prune(again, hours=0, max_unused=0.0)
    assert len(checks) >= 8


def test_locks_of_the_dead_go_and_those_of_the_living_stay(repository):
    """A shared lock is in nobody's way: without a prune it would stay for ever, though there is nothing to sweep."""
    before = repository.clock.now().isoformat()
    dead = lock_of("dead", before)
    repository.clock.advance(31 * MINUTE)
    living = lock_of("living", repository.clock.now().isoformat())
    ids = [sealed.save(repository.store, repository.key, one, LockId) for one in (dead, living)]
    plan(repository)
    assert len(names(repository.store, "locks")) == 2
    prune(repository)
    assert names(repository.store, "locks") == [file_name(ids[1])]
    repository.store.delete(file_name(ids[1]))


def lock_of(run, time):
    return LockFile(time=time, exclusive=False, hostname="pod", pid=1, holdfast=Holder(run=run, started=time))
