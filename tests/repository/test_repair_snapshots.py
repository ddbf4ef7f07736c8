"""`repair snapshots`: new ones without what is lost, and never while the index may be wrong about that."""

import contextlib
import random

import msgspec
import pytest
from tests.repository.damage import contents, cut, damages, flip, index_files, names, pack_of, packs
from tests.repository.test_check import node
from tests.sample_repository import FILES, TIME, init, nodes, read_files, reopen, write_files

from holdfast.errors import Cancelled, LockLost, PlanRefused, RepositoryLocked, StoreUnavailable
from holdfast.ids import BlobId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import lock, sealed
from holdfast.repository.index_file import save_index
from holdfast.repository.layout import Directory, file_name
from holdfast.repository.marks import replace_marks
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import repair_index
from holdfast.repository.repair_packs import repair_packs
from holdfast.repository.repair_snapshots import repair_snapshots
from holdfast.repository.tree import NodeType, encode_node, join_nodes
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

KEPT = {"kept/file": b"kept", "backup.json": b"{}"}
LOST = {"kept/lost": b"lost", "other/lost": b"lost"}


def repair(store, *named, progress=None, **options):
    options = {"forget": False, "dry_run": False, **options}
    return repair_snapshots(reopen(store), named, cancel=Cancel(), progress=progress or Silent(), **options)


def mend_index(store):
    repair_index(reopen(store), read_all_packs=False, dry_run=False, cancel=Cancel(), progress=Silent())


@pytest.fixture(autouse=True)
def _no_competitors(monkeypatch):
    """So that no lock need wait for them."""
    monkeypatch.setattr(lock, "SETTLE", 0)


@pytest.fixture
def whole(store):
    """A snapshot that is whole whatever happens."""
    return write_files(init(store), KEPT, tags=["whole"])


@pytest.fixture
def damaged(store, whole):  # noqa: ARG001 - it comes before
    """A snapshot that has lost two of its files, and that the index knows nothing wrong of."""
    snapshot_id = write_files(reopen(store), {**KEPT, **LOST}, tags=["a=b", "name=mine"], original="ab" * 32)
    store.delete(pack_of(store, LOST["kept/lost"]).name)
    mend_index(store)
    return snapshot_id


def test_whole_snapshots_are_left_alone(store, whole):
    before = contents(store)
    report = repair(store)
    assert (report.snapshots, report.damaged, report.unreadable) == (1, [], [])
    assert report.trees == 2
    assert contents(store) == before
    assert read_files(reopen(store), whole) == KEPT


def test_a_repaired_snapshot_is_the_same_without_what_is_lost(store, damaged):
    report = repair(store)
    (one,) = report.damaged
    assert [loss.path for loss in one.losses] == ["/kept/lost", "/other/lost"]
    assert (one.id, one.forgotten) == (damaged, False)
    repository = reopen(store)
    before, after = repository.load_snapshot(damaged), repository.load_snapshot(one.repaired)
    assert read_files(repository, one.repaired) == KEPT
    assert b"other" in nodes(repository, one.repaired)  # the directory, now empty
    assert after == msgspec.structs.replace(before, tree=after.tree, tags=["a=b", "name=mine", "repaired"])
    assert after.original == "ab" * 32
    assert set(repository.snapshot_ids()) >= {damaged, one.repaired}


def test_original_is_the_first_id(store, damaged):
    repository = reopen(store)
    first = msgspec.structs.replace(repository.load_snapshot(damaged), original=None)
    repository.delete_snapshot(damaged)
    snapshot_id = sealed.save(store, repository.key, first, SnapshotId)
    (one,) = repair(store).damaged
    assert reopen(store).load_snapshot(one.repaired).original == snapshot_id.hex()


def test_damaged_snapshots_are_forgotten_if_that_is_wanted(store, whole, damaged, restic_agrees):
    (one,) = repair(store, forget=True).damaged
    assert (one.id, one.forgotten) == (damaged, True)
    assert set(reopen(store).snapshot_ids()) == {whole, one.repaired}
    assert damages(store) == set()
    assert read_files(reopen(store), one.repaired) == KEPT
    restic_agrees(store)


@pytest.mark.usefixtures("damaged")
def test_a_second_repair_makes_no_second_snapshot(store):
    (first,) = repair(store).damaged
    before = contents(store)
    (again,) = repair(store).damaged
    assert again.repaired == first.repaired
    assert contents(store) == before
    (forgotten,) = repair(store, forget=True).damaged
    assert (forgotten.repaired, forgotten.forgotten) == (first.repaired, True)
    assert damages(store) == set()


def test_a_directory_that_is_lost_is_left_out(store, restic_agrees):
    init(store)
    inner = write_files(reopen(store), {"d/e/f": b"deep"})
    before = {pack.id for pack in packs(store, BlobType.TREE)}
    snapshot_id = write_files(reopen(store), {"d/e/f": b"deep", "x/y/z": b"other"})
    subtree = nodes(reopen(store), snapshot_id)[b"x"].subtree
    assert before
    lose_blob(store, BlobType.TREE, BlobId.parse(subtree))
    (one,) = repair(store, forget=True).damaged
    assert [loss.path for loss in one.losses] == ["/x"]
    assert read_files(reopen(store), one.repaired) == {"d/e/f": b"deep"}
    assert read_files(reopen(store), inner) == {"d/e/f": b"deep"}
    assert damages(store) == set()
    restic_agrees(store)


def lose_blob(store, blob_type, blob_id):
    place = reopen(store).index.find(blob_type, blob_id)
    flip(store, file_name(place.pack), place.blob.offset + 20)
    report = repair_packs(reopen(store), dry_run=False, cancel=Cancel(), progress=Silent())
    assert [blob.id for blob in report.lost] == [blob_id]


def test_of_a_lost_root_nothing_can_be_saved(store, whole):
    snapshot_id = write_files(reopen(store), {"only": b"here"})
    lose_blob(store, BlobType.TREE, BlobId.parse(reopen(store).load_snapshot(snapshot_id).tree))
    (one,) = repair(store).damaged
    assert (one.id, one.tree, one.repaired, one.forgotten) == (snapshot_id, None, None, False)
    assert [loss.path for loss in one.losses] == ["/"]
    assert snapshot_id in reopen(store).snapshot_ids()
    repair(store, forget=True)
    assert reopen(store).snapshot_ids() == [whole]


def test_a_snapshot_whose_tree_is_no_id_is_named(store, whole):
    repository = reopen(store)
    snapshot = msgspec.structs.replace(repository.load_snapshot(whole), tree="nonsense")
    made = sealed.save(store, repository.key, snapshot, SnapshotId)
    (one,) = repair(store).damaged
    assert (one.id, one.tree) == (made, None)


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_snapshots_file_that_cannot_be_read_is_named_and_stays_unless_it_is_named_to_be_forgotten(
    store, whole, place
):
    broken = write_files(reopen(store), {"a": b"b"})
    flip(store, file_name(broken), place)
    for options in ({}, {"forget": True}):
        (one,) = repair(store, **options).unreadable
        assert (one.id, one.forgotten) == (broken, False)
        assert set(reopen(store).snapshot_ids()) == {whole, broken}
    for options in ({}, {"forget": True, "dry_run": True}):
        (one,) = repair(store, broken, **options).unreadable
        assert not one.forgotten
    assert broken in reopen(store).snapshot_ids()
    (one,) = repair(store, broken, forget=True).unreadable
    assert one.forgotten
    assert reopen(store).snapshot_ids() == [whole]
    assert damages(store) == set()


def test_a_snapshot_that_is_only_not_understood_is_never_deleted(store, whole):
    """Trees out of order, as another program may have written and may read them."""
    repository = reopen(store)
    nodes = [node(name, NodeType.SYMLINK, linktarget="x") for name in ("b", "a")]
    with repository.lock(Cancel()) as held, contextlib.closing(repository.writer(held, Cancel())) as writer:
        tree = writer.save(BlobType.TREE, join_nodes(map(encode_node, nodes)))
        writer.flush()
    snapshot = msgspec.structs.replace(repository.load_snapshot(whole), tree=tree.hex())
    strange = sealed.save(store, repository.key, snapshot, SnapshotId)
    (one,) = repair(store, forget=True).damaged
    assert (one.id, one.is_understood, one.forgotten) == (strange, False, False)
    assert set(reopen(store).snapshot_ids()) == {whole, strange}


def test_only_named_snapshots_are_repaired(store, whole, damaged):
    assert repair(store, whole).damaged == []
    other = write_files(reopen(store), {"x": b"x"})
    assert [one.id for one in repair(store, damaged, other).damaged] == [damaged]


def test_a_dry_run_tells_the_same_and_changes_nothing(store, damaged):
    before = contents(store)
    told = repair(store, forget=True, dry_run=True)
    assert contents(store) == before
    assert [(one.id, one.repaired, one.forgotten) for one in told.damaged] == [(damaged, None, False)]
    done = repair(store)
    assert [(one.losses, one.tree) for one in told.damaged] == [(one.losses, one.tree) for one in done.damaged]


def flip_an_index_file(store):
    flip(store, index_files(store)[0], 40)


def delete_the_index(store):
    for name in index_files(store):
        store.delete(name)


def list_packs_in_part(store):
    blobs = list(reopen(store).index.blobs())
    entries = [(pack.id, [place.blob for place in blobs if place.pack == pack.id][:1]) for pack in packs(store)]
    delete_the_index(store)
    save_index(store, reopen(store).key, entries)


@pytest.mark.parametrize("break_index", [flip_an_index_file, delete_the_index, list_packs_in_part])
def test_a_wrong_index_is_repaired_first_and_costs_nothing(store, whole, break_index):
    other = write_files(reopen(store), FILES)
    break_index(store)
    before = contents(store)
    with pytest.raises(PlanRefused, match="the index does not say what there is") as refused:
        repair(store, forget=True, dry_run=True)
    assert "holdfast repository repair index" in refused.value.next
    assert contents(store) == before
    assert repair(store, forget=True).damaged == []
    assert set(reopen(store).snapshot_ids()) == {whole, other}
    assert damages(store) == set()


def test_a_lost_pack_leaves_the_index_first(store, whole):
    write_files(reopen(store), FILES)
    store.delete(pack_of(store, FILES["backup.json"]).name)
    with pytest.raises(PlanRefused):
        repair(store, dry_run=True)
    (one,) = repair(store, forget=True).damaged
    assert whole in reopen(store).snapshot_ids()
    assert len(one.losses) == 4
    assert damages(store) == set()


@pytest.mark.parametrize("dry_run", [True, False])
def test_packs_with_blobs_to_be_saved_are_repaired_first(store, whole, dry_run):
    write_files(reopen(store), FILES)
    pack = pack_of(store, FILES["backup.json"])
    cut(store, pack.name, pack.header)
    before = contents(store)
    with pytest.raises(PlanRefused) as refused:
        repair(store, forget=True, dry_run=dry_run)
    assert f"holdfast repository repair packs {pack.id.short}" in refused.value.next
    assert contents(store) == before
    assert whole in reopen(store).snapshot_ids()


def test_a_lost_tree_that_another_becomes_by_its_repair_is_not_lost(store):
    """The second snapshot's root, without the lost file, is the first one's lost root."""
    first = write_files(init(store), {"kept": b"kept"})
    write_files(reopen(store), {"kept": b"kept", "lost": b"lost"})
    lose_blob(store, BlobType.TREE, BlobId.parse(reopen(store).load_snapshot(first).tree))
    lose_blob(store, BlobType.DATA, BlobId.of(b"lost"))
    (one,) = repair(store, forget=True).damaged
    assert one.id != first
    assert read_files(reopen(store), first) == read_files(reopen(store), one.repaired) == {"kept": b"kept"}
    assert damages(store) == set()


def test_packs_of_which_nothing_is_known_are_no_hindrance(store, damaged):
    store.put(file_name(PackId.of(b"orphan")), [b"nonsense" * 20])
    assert [one.id for one in repair(store).damaged] == [damaged]


@pytest.mark.usefixtures("damaged")
def test_what_could_heal_instead_is_said_before_anything_is_published(store):
    watched, said = FaultyStore(store), []

    class Warned(Silent):
        def warn(self, message):
            said.append((message, [call.name for call in watched.calls if call.name.startswith("snapshots/")]))

    repair_snapshots(reopen(watched), forget=True, dry_run=False, cancel=Cancel(), progress=Warned())
    ((message, _),) = said
    assert "1 damaged snapshot of /sample: a new backup of the same makes them whole" in message
    changed = [call for call in watched.calls if call.operation in ("put", "delete") and "snapshots/" in call.name]
    assert [call.operation for call in changed] == ["put", "delete"]
    assert not {call.name for call in changed[:1]} & set(said[0][1])


def test_hundreds_of_snapshots_of_nearly_the_same_tree_are_read_once(store):
    repository = init(store)
    chance = random.Random(3)
    files = {f"d{n % 20}/{n}": chance.randbytes(200) for n in range(200)}
    first = write_files(repository, files)
    lost = nodes(reopen(store), first)[b"d7/7"].content[0]
    for number in range(100):
        write_files(repository, {**files, "changing": b"%d" % number})
    lose_blob(store, BlobType.DATA, BlobId.parse(lost))
    watched = FaultyStore(store)
    report = repair_snapshots(reopen(watched), forget=True, dry_run=False, cancel=Cancel(), progress=Silent())
    assert (report.snapshots, len(report.damaged), report.trees) == (101, 101, 20 + 101)
    assert [loss.path for one in report.damaged for loss in one.losses] == ["/d7/7"] * 101
    reads = [call for call in watched.calls if call.operation == "get_range" and call.name.startswith("data/")]
    assert len(reads) == report.trees
    assert damages(store) == set()
    del files["d7/7"]
    assert all(files.items() <= read_files(reopen(store), one.repaired).items() for one in report.damaged[::20])


def test_a_repair_that_fails_anywhere_is_finished_by_the_next(store, whole, damaged):
    before, broken = contents(store), damages(store)
    watched = FaultyStore(store)
    repair(watched, forget=True)
    for number in range(len(watched.calls) - 1):  # the last one deletes the lock, and may fail
        for name in names(store):
            store.delete(name)
        for name, content in before.items():
            store.put(name, [content])
        with pytest.raises((StoreUnavailable, LockLost)):
            repair(FaultyStore(store, Script(Fault("before", skip=number, times=None))), forget=True)
        assert damages(store) <= broken
        for name in names(store, Directory.LOCKS.value):
            store.delete(name)
        repair(store, forget=True)
        assert damages(store) == set()
        (made,) = set(reopen(store).snapshot_ids()) - {whole}
        assert made != damaged
        assert read_files(reopen(store), made) == KEPT


def test_times_are_kept(store, damaged):
    (one,) = repair(store).damaged
    assert one.id == damaged
    assert reopen(store).load_snapshot(one.repaired).time == TIME


@pytest.mark.usefixtures("damaged")
def test_others_are_locked_out_but_for_a_dry_run(store):
    with reopen(store).lock(Cancel()):
        repair(store, dry_run=True)
        with pytest.raises(RepositoryLocked):
            repair(store)


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize("phase", ["look through snapshots and trees", "save repaired snapshots"])
def test_a_repair_can_be_cancelled(store, phase):
    cancel, before = Cancel(), reopen(store).snapshot_ids()

    class Cancelling(Silent):
        def phase(self, name, total=None, size=None):  # noqa: ARG002 - the protocol's signature
            if name == phase:
                cancel.request()

    with pytest.raises(Cancelled):
        repair_snapshots(reopen(store), forget=True, dry_run=False, cancel=cancel, progress=Cancelling())
    assert reopen(store).snapshot_ids() == before
    assert names(store, Directory.LOCKS.value) == []


def test_what_lies_in_marked_packs_only_is_not_lost(store):
    write_files(init(store), {"one": b"one"})
    repository = reopen(store)
    with repository.lock(Cancel()) as lock:
        now = repository.clock.now()
        replace_marks(repository, {pack_id: now for pack_id, _ in repository.index.packs()}, lock)
    report = repair_snapshots(reopen(store), forget=True, dry_run=False, cancel=Cancel(), progress=Silent())
    assert (report.snapshots, report.damaged) == (1, [])
