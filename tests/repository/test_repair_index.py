"""`repair index`: what is stored is listed, once and as it is; nothing but index files changes."""

import pytest
from tests.repository.damage import (
    contents,
    cut,
    damages,
    flip,
    index_files,
    names,
    pack_of,
    packs,
    readable,
)
from tests.sample_repository import FILES, init, read_files, reopen, write_files

from holdfast.errors import Cancelled, LockLost, RepositoryLocked, StoreUnavailable
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import index_rewriter, lock, sealed
from holdfast.repository.index_file import decode_packs, list_index_files, load_index_files, save_index
from holdfast.repository.layout import Directory, file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import repair_index
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

MORE = {"more": b"more", "objects/core/v1/other": b"other"}


@pytest.fixture(autouse=True)
def _no_competitors(monkeypatch):
    """So that no lock need wait for them."""
    monkeypatch.setattr(lock, "SETTLE", 0)


@pytest.fixture
def snapshot_ids(store):
    """Two snapshots, each with an index file, a data pack and a tree pack of its own."""
    return [write_files(init(store)), write_files(reopen(store), MORE)]


def repair(store, cancel=None, progress=None, **options):
    options = {"read_all_packs": False, "dry_run": False, **options}
    return repair_index(reopen(store), cancel=cancel or Cancel(), progress=progress or Silent(), **options)


def entries(store):
    """{pack: blobs} of all index files; fails for a pack that is listed twice."""
    key, found = reopen(store).key, {}
    for _, index_file in load_index_files(store, key, list_index_files(store)):
        for pack_id, blobs in decode_packs(index_file):
            assert pack_id not in found
            found[pack_id] = blobs
    return found


def relist(store, change):
    """Replaces all index files by one with `change(pack id, blobs)` for each pack."""
    packs = [change(pack_id, blobs) for pack_id, blobs in entries(store).items()]
    for name in index_files(store):
        store.delete(name)
    save_index(store, reopen(store).key, packs)


@pytest.mark.usefixtures("snapshot_ids")
@pytest.mark.parametrize("read_all_packs", [False, True])
def test_an_index_that_is_right_is_not_touched(store, read_all_packs):
    before = contents(store)
    report = repair(store, read_all_packs=read_all_packs)
    assert contents(store) == before
    assert not report.is_needed
    assert (report.packs, report.index_files, report.written, report.replaced) == (4, 2, 0, 0)


def test_an_index_that_was_deleted_is_made_from_the_packs(store, snapshot_ids, restic_agrees):
    before = entries(store)
    for name in index_files(store):
        store.delete(name)
    report = repair(store)
    assert set(report.found) == set(before)
    assert entries(store) == before
    assert read_files(reopen(store), snapshot_ids[0]) == FILES
    restic_agrees(store)


@pytest.mark.parametrize("place", [0, 20, 60, -1])
def test_a_damaged_index_file_is_replaced(store, snapshot_ids, place, restic_agrees):
    first, second = index_files(store)
    before, kept = entries(store), store.get(second)
    flip(store, first, place)
    report = repair(store)
    assert [error.what for error in report.damaged_files] == [f"{first} is damaged"]
    assert (report.replaced, report.written, len(report.found)) == (1, 1, 2)
    assert first not in index_files(store)
    assert store.get(second) == kept
    assert entries(store) == before
    assert read_files(reopen(store), snapshot_ids[0]) == FILES
    restic_agrees(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_an_index_file_that_lists_nonsense_is_replaced(store):
    repository = reopen(store)
    (_, index_file), *_ = load_index_files(store, repository.key, list_index_files(store))
    text = {"packs": [{"id": "nonsense", "blobs": []}, {"id": index_file.packs[0].id, "blobs": []}]}
    nonsense = sealed.save(store, repository.key, text, IndexId)
    report = repair(store)
    assert report.replaced == 1
    assert file_name(nonsense) not in index_files(store)
    assert damages(store) == set()


@pytest.mark.parametrize("blob_type", BlobType)
def test_a_lost_pack_leaves_the_index_and_a_new_backup_heals(store, snapshot_ids, blob_type, restic_agrees):
    lost = pack_of(store, FILES["backup.json"])
    if blob_type is BlobType.TREE:
        (lost,) = (pack for pack in packs(store, BlobType.TREE) if pack.id not in later_packs(store))
    store.delete(lost.name)
    assert damages(store)
    report = repair(store)
    assert list(report.forgotten) == [lost.id]
    assert (report.replaced, report.written) == (1, 1)
    assert lost.id not in entries(store)
    assert damages(store)  # the snapshot still misses what was in the pack

    again = write_files(reopen(store))

    assert damages(store) == set()
    for snapshot_id in (snapshot_ids[0], again):
        assert read_files(reopen(store), snapshot_id) == FILES
    assert read_files(reopen(store), snapshot_ids[1]) == MORE
    restic_agrees(store)


def later_packs(store):
    """Those of MORE."""
    key, more = reopen(store).key, pack_of(store, MORE["more"]).id
    files = [dict(decode_packs(file)) for _, file in load_index_files(store, key, list_index_files(store))]
    return next(packs for packs in files if more in packs)


@pytest.mark.usefixtures("snapshot_ids")
def test_blobs_in_front_of_a_cut_stay_reachable(store):
    pack = pack_of(store, FILES["backup.json"])
    before = entries(store)
    cut(store, pack.name, pack.header)
    alive = readable(store)
    report = repair(store)
    assert [(one.pack, one.listed) for one in report.doubtful] == [(pack.id, True)]
    assert (entries(store), readable(store)) == (before, alive)


@pytest.mark.usefixtures("snapshot_ids")
@pytest.mark.parametrize("size", [0, 3, 20])
def test_a_pack_without_a_whole_blob_leaves_the_index_and_stays(store, size):
    pack = pack_of(store, FILES["backup.json"])
    cut(store, pack.name, size)
    report = repair(store)
    assert list(report.forgotten) == [pack.id]
    assert pack.id not in entries(store)
    assert store.size(pack.name) == size
    again = repair(store)
    assert [(one.pack, one.listed) for one in again.doubtful] == [(pack.id, False)]
    assert not again.is_needed


@pytest.mark.usefixtures("snapshot_ids")
def test_an_entry_of_another_size_than_the_pack_is_corrected_by_its_header(store, restic_agrees):
    before = entries(store)
    relist(store, lambda pack_id, blobs: (pack_id, blobs[:1]))
    report = repair(store)
    assert set(report.corrected) == {pack_id for pack_id, blobs in before.items() if len(blobs) > 1}
    assert report.corrected
    assert entries(store) == before
    restic_agrees(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_an_entry_of_the_right_size_is_believed_unless_all_headers_are_read(store, restic_agrees):
    before = entries(store)
    relist(store, lambda pack_id, blobs: (pack_id, [blobs[0]._replace(id=BlobId.of(b"another")), *blobs[1:]]))
    assert not repair(store).is_needed
    report = repair(store, read_all_packs=True)
    assert set(report.corrected) == set(before)
    assert entries(store) == before
    restic_agrees(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_an_unreadable_header_leaves_a_right_entry_alone(store):
    pack = pack_of(store, FILES["backup.json"])
    before = entries(store)
    flip(store, pack.name, -1)
    assert not repair(store).is_needed
    report = repair(store, read_all_packs=True)
    assert [(one.pack, one.listed) for one in report.doubtful] == [(pack.id, True)]
    assert entries(store) == before


@pytest.mark.usefixtures("snapshot_ids")
def test_a_pack_that_is_listed_twice_is_listed_once(store, restic_agrees):
    before = entries(store)
    save_index(store, reopen(store).key, [*before.items()])
    report = repair(store)
    assert report.listed_twice == 4
    assert entries(store) == before
    restic_agrees(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_a_pack_in_no_index_whose_header_is_damaged_is_named_and_stays(store):
    lost, name = PackId.of(b"orphan"), file_name(PackId.of(b"orphan"))
    store.put(name, [b"orphan" * 20])
    report = repair(store)
    assert [(one.pack, one.listed) for one in report.doubtful] == [(lost, False)]
    assert store.get(name) == b"orphan" * 20
    assert not report.is_needed


@pytest.mark.usefixtures("snapshot_ids")
def test_a_dry_run_tells_the_same_and_changes_nothing(store):
    flip(store, index_files(store)[0], 40)
    store.delete(packs(store)[0].name)
    before = contents(store)
    told = repair(store, dry_run=True)
    assert contents(store) == before
    done = repair(store)
    for report in (told, done):
        report.damaged_files = [str(error) for error in report.damaged_files]
    assert told == done
    assert done.is_needed


@pytest.mark.usefixtures("snapshot_ids")
def test_no_index_file_is_deleted_before_all_new_ones_are_stored(store, monkeypatch):
    monkeypatch.setattr(index_rewriter, "FULL_AT", 1)
    before = entries(store)
    save_index(store, reopen(store).key, [*before.items()])
    lost = packs(store)[0]
    store.delete(lost.name)  # so that whichever file comes first is written anew
    watched = FaultyStore(store)
    repair(watched)
    changes = [c.operation for c in watched.calls if c.operation in ("put", "delete") and c.name.startswith("index/")]
    assert changes == sorted(changes, reverse=True)
    assert {"put", "delete"} == set(changes)
    assert not [c for c in watched.calls if c.operation == "delete" and not c.name.startswith(("index/", "locks/"))]
    del before[lost.id]
    assert entries(store) == before


@pytest.mark.usefixtures("snapshot_ids")
def test_large_indexes_become_several_files_each_with_whole_packs(store, monkeypatch):
    monkeypatch.setattr(index_rewriter, "FULL_AT", 4)
    before = entries(store)
    for name in index_files(store):
        store.delete(name)
    assert repair(store).written == len(index_files(store)) > 1
    assert entries(store) == before


@pytest.mark.usefixtures("snapshot_ids")
def test_a_repair_that_fails_anywhere_leaves_all_that_could_be_read(store):
    flip(store, index_files(store)[0], 40)
    alive, damaged = readable(store), contents(store)
    watched = FaultyStore(store)
    repair(watched)
    for number in range(len(watched.calls) - 1):  # the last one deletes the lock, and may fail
        for name in names(store):
            store.delete(name)
        for name, content in damaged.items():
            store.put(name, [content])
        failing = FaultyStore(store, Script(Fault("before", skip=number, times=None)))
        with pytest.raises((StoreUnavailable, LockLost)):
            repair(failing)
        assert readable(store) >= alive
        for name in names(store, Directory.LOCKS.value):
            store.delete(name)
        repair(store)
        assert damages(store) == set()


@pytest.mark.usefixtures("snapshot_ids")
def test_others_are_locked_out_but_for_a_dry_run(store):
    with reopen(store).lock(Cancel()):
        repair(store, dry_run=True)
        with pytest.raises(RepositoryLocked):
            repair(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_a_repair_can_be_cancelled(store):
    for name in index_files(store):
        store.delete(name)
    cancel = Cancel()

    class Cancelling(Silent):
        def phase(self, name, total=None, size=None):  # noqa: ARG002 - the protocol's signature
            if name == "read headers of packs":
                cancel.request()

    with pytest.raises(Cancelled):
        repair(store, cancel=cancel, progress=Cancelling())
    assert names(store, Directory.LOCKS.value) == []


@pytest.mark.usefixtures("snapshot_ids")
def test_progress_tells_the_phases(store):
    phases = []

    class Noting(Silent):
        def phase(self, name, total=None, size=None):  # noqa: ARG002 - the protocol's signature
            phases.append((name, total))

    repair(store, progress=Noting())
    assert phases == [
        ("list the packs", None),
        ("read index files", 2),
        ("read headers of packs", 0),
        ("replace index files", None),
    ]
