"""`repair packs`: what is whole is saved, what is lost is listed with the files that used it, and only then a pack goes."""

import pytest
from tests.repository.damage import StoredPack, contents, cut, damages, flip, names, pack_of, packs, readable
from tests.sample_repository import FILES, init, read_files, reopen, write_files

from holdfast.errors import Cancelled, HoldfastError, LockLost, NotFound, RepositoryLocked, StoreUnavailable
from holdfast.ids import BlobId, PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import lock
from holdfast.repository.layout import Directory, file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_packs import find_packs, repair_packs
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

MORE = {**FILES, "objects/more": b"more"}
FIRST = 40  # a byte of the first blob
HEADERS = {"header": lambda pack: pack.header + 20, "mac": lambda _: -5, "length": lambda _: -4}


@pytest.fixture(autouse=True)
def _no_competitors(monkeypatch):
    """So that no lock need wait for them."""
    monkeypatch.setattr(lock, "SETTLE", 0)


@pytest.fixture
def snapshot_ids(store):
    """Two snapshots; the second shares nearly all files with the first and has packs of its own for the rest."""
    return [write_files(init(store)), write_files(reopen(store), MORE)]


def repair(store, *named, cancel=None, progress=None, **options):
    return repair_packs(
        reopen(store),
        [pack.id for pack in named],
        cancel=cancel or Cancel(),
        progress=progress or Silent(),
        **{"dry_run": False, **options},
    )


def lost_paths(report):
    return {(lost.snapshot, lost.path) for lost in report.lost_paths}


def blob_at(store, pack, position):
    """The blob that lies there."""
    for place in reopen(store).index.blobs():
        if place.pack == pack.id and place.blob.offset <= position < place.blob.offset + place.blob.length:
            return place.blob
    raise AssertionError(position)


def files_with(blob_id):
    return {path for path, content in MORE.items() if content and BlobId.of(content) == blob_id}


@pytest.mark.usefixtures("snapshot_ids")
def test_whole_packs_are_read_and_left_alone(store):
    before = contents(store)
    report = repair(store)
    assert report.packs_read == 4
    assert report.bytes_read == sum(len(content) for name, content in before.items() if name.startswith("data/"))
    assert (report.repaired, report.lost, report.lost_paths) == ([], [], [])
    assert contents(store) == before


@pytest.mark.parametrize("blob_type", BlobType)
@pytest.mark.parametrize("where", HEADERS)
@pytest.mark.parametrize("is_named", [True, False])
def test_a_damaged_header_costs_nothing(store, snapshot_ids, blob_type, where, is_named, restic_agrees):
    pack = packs(store, blob_type)[0]
    before = readable(store)
    flip(store, pack.name, HEADERS[where](pack))
    report = repair(store, *([pack] if is_named else []))
    assert [(one.pack, one.lost) for one in report.repaired] == [(pack.id, 0)]
    assert report.lost == []
    assert pack.name not in names(store)
    assert readable(store) == before
    assert damages(store) == set()
    for snapshot_id, files in zip(snapshot_ids, (FILES, MORE), strict=True):
        assert read_files(reopen(store), snapshot_id) == files
    restic_agrees(store)


def test_a_damaged_blob_costs_the_files_that_used_it_and_a_new_backup_heals(store, snapshot_ids, restic_agrees):
    pack = pack_of(store, FILES["backup.json"])
    hit = blob_at(store, pack, FIRST)
    before = readable(store)
    flip(store, pack.name, FIRST)
    report = repair(store)
    assert [(blob.type, blob.id, blob.pack) for blob in report.lost] == [(BlobType.DATA, hit.id, pack.id)]
    assert lost_paths(report) == {(one, f"/{path}") for one in snapshot_ids for path in files_with(hit.id)}
    assert readable(store) == before - {(BlobType.DATA, hit.id)}
    assert pack.name not in names(store)
    assert damages(store)

    write_files(reopen(store), MORE)

    assert damages(store) == set()
    assert read_files(reopen(store), snapshot_ids[0]) == FILES
    restic_agrees(store)


def test_a_lost_tree_is_listed_as_its_directory(store, snapshot_ids):
    root = BlobId.parse(reopen(store).load_snapshot(snapshot_ids[0]).tree)
    place = reopen(store).index.find(BlobType.TREE, root)
    flip(store, file_name(place.pack), place.blob.offset + 20)
    report = repair(store)
    assert [blob.id for blob in report.lost] == [root]
    assert lost_paths(report) == {(snapshot_ids[0], "/")}
    write_files(reopen(store))
    assert damages(store) == set()
    assert read_files(reopen(store), snapshot_ids[0]) == FILES


@pytest.mark.usefixtures("snapshot_ids")
def test_what_is_in_front_of_a_cut_is_saved(store):
    pack = pack_of(store, FILES["backup.json"])
    before = readable(store)
    places = [place.blob for place in reopen(store).index.blobs() if place.pack == pack.id]
    middle = sorted(blob.offset for blob in places)[len(places) // 2]
    cut(store, pack.name, middle)
    report = repair(store, pack)
    gone = {(blob.type, blob.id) for blob in places if blob.offset >= middle}
    assert {(blob.type, blob.id) for blob in report.lost} == gone
    assert readable(store) == before - gone
    assert report.repaired[0].saved == len(places) - len(gone) > 0
    write_files(reopen(store), MORE)
    assert damages(store) == set()


def test_a_missing_pack_that_is_named_is_lost_with_all_that_needs_it(store, snapshot_ids):
    pack = pack_of(store, MORE["objects/more"])
    store.delete(pack.name)
    report = repair(store, pack)
    assert report.repaired[0].why == "the store does not have it"
    assert lost_paths(report) == {(snapshot_ids[1], "/objects/more")}
    assert not reopen(store).index.has_pack(pack.id)


@pytest.mark.usefixtures("snapshot_ids")
def test_a_blob_with_a_whole_copy_elsewhere_is_not_lost(store):
    pack = pack_of(store, FILES["backup.json"])
    other = reopen(store)
    other.index.forget_packs([pack_id for pack_id, _ in other.index.packs()])
    write_files(other, MORE)
    flip(store, pack.name, FIRST)
    report = repair(store, pack)
    assert [(one.pack, one.lost) for one in report.repaired] == [(pack.id, 0)]
    assert damages(store) == set()


@pytest.mark.usefixtures("snapshot_ids")
def test_a_damaged_copy_elsewhere_does_not_count(store):
    content = FILES["backup.json"]
    first = pack_of(store, content)
    other = reopen(store)
    other.index.forget_packs([pack_id for pack_id, _ in other.index.packs()])
    write_files(other, MORE)
    index, blob_id = reopen(store).index, BlobId.of(content)
    for place in {index.find(BlobType.DATA, blob_id), *index.copies(BlobType.DATA, blob_id)}:
        if place.pack != first.id:
            flip(store, file_name(place.pack), place.blob.offset + 20)
    flip(store, first.name, -1)
    repair(store, first)
    assert reopen(store).reader.load(BlobType.DATA, BlobId.of(content)) == content


@pytest.mark.usefixtures("snapshot_ids")
def test_packs_damaged_at_different_places_mend_each_other(store):
    before = readable(store)
    other = reopen(store)
    other.index.forget_packs([pack_id for pack_id, _ in other.index.packs()])
    write_files(other, MORE)
    places = [place for place in reopen(store).index.blobs() if place.blob.type is BlobType.DATA]
    one, two = places[0], next(reopen(store).index.copies(BlobType.DATA, places[1].blob.id))
    flip(store, file_name(one.pack), one.blob.offset + 20)
    flip(store, file_name(two.pack), two.blob.offset + 20)
    report = repair(store)
    assert len(report.repaired) == 2
    assert report.lost == []
    assert readable(store) == before
    assert damages(store) == set()


@pytest.mark.usefixtures("snapshot_ids")
def test_a_whole_pack_that_is_named_is_left_alone(store):
    before = contents(store)
    pack = packs(store)[0]
    report = repair(store, pack)
    assert (report.whole, report.repaired) == ([pack.id], [])
    assert contents(store) == before


@pytest.mark.usefixtures("snapshot_ids")
def test_a_pack_of_which_nothing_is_known_is_left_alone(store):
    orphan = StoredPack(PackId.of(b"orphan"), BlobType.DATA, 0)
    store.put(orphan.name, [b"nonsense" * 20])
    report = repair(store)
    assert report.unknown == [orphan.id]
    assert store.get(orphan.name) == b"nonsense" * 20


@pytest.mark.usefixtures("snapshot_ids")
def test_a_damaged_pack_in_no_index_is_saved_by_its_header(store, restic_agrees):
    before = readable(store)
    for name in names(store, Directory.INDEX.value):
        store.delete(name)
    listed = names(store, Directory.PACKS.value)
    for name in listed:
        store.put(name, [bytes([store.get(name)[0] ^ 1]) + store.get(name)[1:]])
    report = repair(store)
    assert len(report.repaired) == len(listed)
    lost = {(blob.type, blob.id) for blob in report.lost}
    assert len(lost) == len(listed)  # the first of each
    assert readable(store) == before - lost
    for snapshot_id in reopen(store).snapshot_ids():
        reopen(store).delete_snapshot(snapshot_id)
    restic_agrees(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_copies_of_damaged_packs_are_kept_for_those_who_want_them(store, tmp_path):
    pack = packs(store)[0]
    flip(store, pack.name, -1)
    damaged = store.get(pack.name)
    repair(store, save_damaged=tmp_path / "new" / "copies")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "copies").iterdir()} == {
        pack.id.hex(): damaged
    }


@pytest.mark.usefixtures("snapshot_ids")
def test_a_pack_that_cannot_be_copied_is_not_touched(store, tmp_path):
    pack = packs(store)[0]
    flip(store, pack.name, -1)
    (tmp_path / "file").write_text("")
    before = contents(store)
    with pytest.raises(HoldfastError, match="cannot be copied"):
        repair(store, save_damaged=tmp_path / "file")
    assert contents(store) == before


def test_a_dry_run_tells_the_same_and_changes_nothing(store, snapshot_ids, tmp_path):
    flip(store, pack_of(store, FILES["backup.json"]).name, FIRST)
    flip(store, packs(store, BlobType.TREE)[0].name, FIRST)
    flip(store, packs(store, BlobType.TREE)[1].name, -1)
    before = contents(store)
    told = repair(store, dry_run=True, save_damaged=tmp_path / "copies")
    assert contents(store) == before
    assert not (tmp_path / "copies").exists()
    done = repair(store)
    assert told.lost == done.lost != []
    assert set(told.lost_paths) == set(done.lost_paths) != set()
    assert told.repaired == done.repaired
    assert set(snapshot_ids) >= {lost.snapshot for lost in done.lost_paths}


@pytest.mark.usefixtures("snapshot_ids")
def test_the_order_is_packs_then_index_then_what_is_damaged(store):
    flip(store, packs(store, BlobType.DATA)[0].name, -1)
    flip(store, packs(store, BlobType.TREE)[0].name, -1)
    watched = FaultyStore(store)
    repair(watched)
    changes = [
        (call.operation, call.name.split("/")[0])
        for call in watched.calls
        if call.operation in ("put", "delete") and not call.name.startswith("locks")
    ]
    order = [("put", "data"), ("put", "index"), ("delete", "index"), ("delete", "data")]
    assert sorted(changes, key=order.index) == changes
    assert set(changes) == set(order)


@pytest.mark.usefixtures("snapshot_ids")
def test_a_repair_that_fails_anywhere_leaves_all_that_could_be_read(store):
    flip(store, packs(store, BlobType.DATA)[0].name, FIRST)
    flip(store, packs(store, BlobType.TREE)[0].name, -1)
    alive, damaged = readable(store), contents(store)
    watched = FaultyStore(store)
    repair(watched)
    after = damages(store)
    for number in range(len(watched.calls) - 1):  # the last one deletes the lock, and may fail
        for name in names(store):
            store.delete(name)
        for name, content in damaged.items():
            store.put(name, [content])
        with pytest.raises((StoreUnavailable, LockLost)):
            repair(FaultyStore(store, Script(Fault("before", skip=number, times=None))))
        assert readable(store) >= alive
        for name in names(store, Directory.LOCKS.value):
            store.delete(name)
        repair(store)
        assert readable(store) == alive
        assert damages(store) == after


@pytest.mark.usefixtures("snapshot_ids")
def test_packs_are_named_by_the_start_of_their_ids(store):
    repository = reopen(store)
    pack, missing = packs(store)[:2]
    store.delete(missing.name)
    assert find_packs(repository, [pack.id.hex()[:10], missing.id.hex()]) == [pack.id, missing.id]
    for nonsense in ("", "nonsense", "f" * 64):
        with pytest.raises(NotFound):
            find_packs(repository, [nonsense])


@pytest.mark.usefixtures("snapshot_ids")
def test_others_are_locked_out_but_for_a_dry_run(store):
    with reopen(store).lock(Cancel()):
        repair(store, dry_run=True)
        with pytest.raises(RepositoryLocked):
            repair(store)


@pytest.mark.usefixtures("snapshot_ids")
def test_a_repair_can_be_cancelled(store):
    cancel = Cancel()

    class Cancelling(Silent):
        def advance(self, count=1, size=0):  # noqa: ARG002 - the protocol's signature
            cancel.request()

    with pytest.raises(Cancelled):
        repair(store, cancel=cancel, progress=Cancelling())
    assert names(store, Directory.LOCKS.value) == []
