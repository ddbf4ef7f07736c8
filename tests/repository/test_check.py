import random
from pathlib import PurePosixPath

import pytest
from tests.restic_oracle import PASSWORD
from tests.sample_repository import FILES, add_password, check_all, init, reopen, write_files

from holdfast.errors import Cancelled, DamagedData, NoRepository
from holdfast.ids import BlobId, LockId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock
from holdfast.model.progress import Silent
from holdfast.repository import check_report, index_loader, sealed
from holdfast.repository import writer as writer_module
from holdfast.repository.check import check
from holdfast.repository.check_report import Severity
from holdfast.repository.index import save_index
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob, encode_header
from holdfast.repository.repository import open_repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import EPOCH, Node, NodeType, encode_tree
from holdfast.testing.faulty_store import FaultyStore

FILES_OF_TWO_PACKS = {**FILES, "big": random.Random(7).randbytes(300_000)}


@pytest.fixture
def snapshot_id(store):
    """A whole repository with one snapshot in `store`, which the test may damage."""
    return write_files(init(store), FILES_OF_TWO_PACKS)


def names(store, directory):
    return sorted(file.name for file in store.list(directory))


def packs(store):
    """{blob type: (name, place of the header)} of the two packs."""
    repository = reopen(store)
    found = {}
    for place in repository.index.blobs():
        name = file_name(place.pack)
        end = max(found.get(place.blob.type, ("", 0))[1], place.blob.offset + place.blob.length)
        found[place.blob.type] = (name, end)
    return found


def flip(store, name, position):
    content = bytearray(store.get(name))
    content[position] ^= 1
    store.put(name, [content])


def texts(report, severity=Severity.ERROR):
    return [f"{found.what}: {found.why}" for found in report.findings if found.severity is severity]


def structure_only(store):
    return check(reopen(store), read_fraction=0, cancel=Cancel(), progress=Silent())


def save_blobs(repository, *blobs):
    with repository.lock(Cancel()) as lock:
        writer = repository.writer(lock, Cancel())
        ids = [writer.save(*blob) for blob in blobs]
        writer.flush()
        writer.close()
    return ids


def save_snapshot(repository, tree):
    snapshot = Snapshot(time="2026-01-01T00:00:00Z", tree=tree, paths=["/"])
    return sealed.save(repository.store, repository.key, snapshot, SnapshotId)


def node(name, node_type, **fields):
    return Node(
        **{
            "name": name,
            "type": node_type,
            "mtime": EPOCH,
            "atime": EPOCH,
            "ctime": EPOCH,
            "uid": 0,
            "gid": 0,
            "content": None,
            **fields,
        }
    )


# a whole repository


def test_a_new_repository_has_no_findings(repository):
    report = check_all(reopen(repository.store))
    assert report.findings == []
    assert (report.packs, report.blobs, report.snapshots, report.trees) == (0, 0, 0, 0)


def test_everything_is_counted(repository):
    write_files(repository)
    write_files(repository, {"another": b"file"})
    report = check_all(reopen(repository.store))
    assert report.findings == []
    sizes = [file.size for file in repository.store.list("data")]
    assert report.packs == report.packs_read == len(sizes) == 4
    assert report.bytes_read == sum(sizes)
    assert report.snapshots == 2
    directories = {parent for path in FILES for parent in PurePosixPath(path).parents}
    assert report.trees == len(directories) + 1
    assert report.blobs == report.trees + len({content for content in FILES.values() if content}) + 1


def test_the_structure_alone_reads_no_pack_whole(repository):
    write_files(repository)
    report = structure_only(repository.store)
    assert report.findings == []
    assert (report.packs_read, report.bytes_read) == (0, 0)


def test_a_part_of_the_packs_is_read_from_a_random_place_on(store, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1000)
    write_files(init(store), {str(number): random.Random(number).randbytes(1000) for number in range(39)})
    read = FaultyStore(store)
    repository = reopen(read)
    for _ in range(40):
        report = check(repository, read_fraction=0.1, cancel=Cancel(), progress=Silent())
        assert 1 <= report.packs_read < 15
        assert report.findings == []
    assert len({call.name for call in read.calls if call.operation == "get" and "data/" in call.name}) > 30


@pytest.mark.parametrize("fraction", [0.0001, 0.5])
def test_any_part_is_at_least_one_pack(repository, fraction):
    write_files(repository)
    report = check(reopen(repository.store), read_fraction=fraction, cancel=Cancel(), progress=Silent())
    assert report.packs_read >= 1


def test_a_check_can_be_cancelled(repository):
    write_files(repository)
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        check(repository, read_fraction=1, cancel=cancel, progress=Silent())


def test_progress_tells_the_phases_and_every_pack(repository):
    write_files(repository)
    phases, steps = [], []

    class Noting(Silent):
        def phase(self, name, total=None, size=None):
            phases.append((name, total, size))

        def advance(self, count=1, size=0):  # noqa: ARG002 - the protocol's signature
            steps.append(size)

    report = check(reopen(repository.store), read_fraction=1, cancel=Cancel(), progress=Noting())
    assert [name for name, *_ in phases] == [
        "load the index",
        "list the packs",
        "check snapshots and trees",
        "read packs",
    ]
    assert phases[-1][1:] == (2, report.bytes_read)
    assert sum(steps) == report.bytes_read


def test_nothing_is_changed(repository):
    write_files(repository)
    before = {name: repository.store.get(name) for name in names(repository.store, "")}
    check_all(reopen(repository.store))
    assert {name: repository.store.get(name) for name in names(repository.store, "")} == before


# a flipped bit, anywhere


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_flipped_bit_in_the_config_is_met_at_opening(store, place):
    flip(store, "config", place)
    with pytest.raises(DamagedData, match="config"):
        reopen(store)


@pytest.mark.usefixtures("snapshot_id")
def test_a_flipped_bit_in_a_key_is_found_when_another_opens(store):
    repository = reopen(store)
    key_id = add_password(repository, "second")
    flip(store, f"keys/{key_id}", 50)
    (error,) = texts(check_all(repository))
    assert key_id.short in error


@pytest.mark.usefixtures("snapshot_id")
def test_a_lock_that_cannot_be_read_is_found_and_an_empty_one_noted(store):
    damaged, empty = LockId.of(b"damaged"), LockId.of(b"empty")
    store.put(f"locks/{damaged}", [b"damaged"])
    store.put(f"locks/{empty}", [b""])
    report = structure_only(store)
    assert [text.partition(":")[0] for text in texts(report)] == [
        f"lock {damaged.short} is damaged and lets nobody work"
    ]
    (note,) = texts(report, Severity.NOTE)
    assert f"lock {empty.short} is empty" in note


@pytest.mark.parametrize("place", [0, 16, 30, -1])
def test_a_flipped_bit_in_a_snapshot_is_found(store, snapshot_id, place):
    flip(store, f"snapshots/{snapshot_id}", place)
    (error,) = texts(structure_only(store))
    assert f"snapshots/{snapshot_id} is damaged" in error


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("place", [0, 16, 30, -1])
def test_a_flipped_bit_in_an_index_is_found(store, place):
    (name,) = names(store, "index")
    flip(store, name, place)
    errors = texts(structure_only(store))
    assert any(f"{name} is damaged" in error for error in errors)
    assert any("directory / cannot be read" in error for error in errors)


def with_cache(store, tmp_path):
    return open_repository(store, PASSWORD, SystemClock(), IndexCache(tmp_path / "cache"))


@pytest.mark.usefixtures("snapshot_id")
def test_a_cached_index_hides_no_damage(store, tmp_path, monkeypatch):
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)
    assert check_all(with_cache(store, tmp_path)).errors == []
    assert with_cache(store, tmp_path).index.segments
    (name,) = names(store, "index")
    flip(store, name, 60)
    assert any(f"{name} is damaged" in text for text in texts(check_all(with_cache(store, tmp_path))))
    store.delete(name)
    assert any("is not in the repository's index" in text for text in texts(check_all(with_cache(store, tmp_path))))


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("blob_type", BlobType)
def test_a_flipped_bit_in_a_blob_is_found(store, blob_type):
    name, _ = packs(store)[blob_type]
    flip(store, name, 40)
    errors = texts(check_all(reopen(store)))
    assert any("content does not match its name" in error for error in errors)
    assert any("blob" in error and "is damaged" in error for error in errors)


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("blob_type", BlobType)
@pytest.mark.parametrize("place", ["first", "middle", "mac", "length"])
def test_a_flipped_bit_in_a_packs_header_is_found(store, blob_type, place):
    name, header = packs(store)[blob_type]
    flip(store, name, {"first": header, "middle": header + 20, "mac": -5, "length": -4}[place])
    (error,) = texts(check_all(reopen(store)))
    assert "its content does not match its name" in error
    assert "header" in error or "a sealed message was changed" in error


def test_a_flip_of_any_byte_of_any_file_is_found(store):
    """All files but keys, where any byte keeps the password from opening."""
    write_files(init(store), {"a": b"1", "d/b": b"22"})
    missed = []
    for name in names(store, ""):
        for position in range(0 if name.startswith("keys/") else store.size(name)):
            flip(store, name, position)
            try:
                if not check_all(reopen(store)).errors:
                    missed.append((name, position))
            except DamagedData:
                pass
            flip(store, name, position)
    assert missed == []
    assert check_all(reopen(store)).findings == []


# a file removed


@pytest.mark.usefixtures("snapshot_id")
def test_a_removed_config_is_met_at_opening(store):
    store.delete("config")
    with pytest.raises(NoRepository):
        reopen(store)


@pytest.mark.usefixtures("snapshot_id")
def test_a_removed_index_is_found_and_its_packs_are_noted(store):
    store.delete(names(store, "index")[0])
    report = structure_only(store)
    assert any("directory / cannot be read" in error for error in texts(report))
    (note,) = texts(report, Severity.NOTE)
    assert note.startswith("2 packs are in no index: ")


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("blob_type", BlobType)
def test_a_removed_pack_is_found(store, blob_type):
    name, _ = packs(store)[blob_type]
    store.delete(name)
    digits = name[8:16]
    assert any(f"pack {digits} is missing" in error for error in texts(structure_only(store)))
    assert any(f"pack {digits} is missing" in error for error in texts(check_all(reopen(store))))


def test_a_removed_snapshot_leaves_a_whole_repository(store, snapshot_id):
    store.delete(f"snapshots/{snapshot_id}")
    assert check_all(reopen(store)).findings == []


# a file cut short, or longer


@pytest.mark.usefixtures("snapshot_id")
@pytest.mark.parametrize("blob_type", BlobType)
@pytest.mark.parametrize("size", [0, 3, 20, 200, -1])
def test_a_cut_pack_is_found(store, blob_type, size):
    name, _ = packs(store)[blob_type]
    store.put(name, [store.get(name)[:size]])
    assert any("has the wrong size" in error for error in texts(structure_only(store)))
    assert check_all(reopen(store)).errors


@pytest.mark.usefixtures("snapshot_id")
def test_bytes_behind_a_pack_are_found(store):
    name, _ = packs(store)[BlobType.DATA]
    store.put(name, [store.get(name), b"more"])
    assert any("has the wrong size" in error for error in texts(structure_only(store)))
    assert any("does not match its name" in error for error in texts(check_all(reopen(store))))


@pytest.mark.parametrize("directory", ["index", "snapshots"])
@pytest.mark.parametrize("size", [0, 10, 40, -1])
@pytest.mark.usefixtures("snapshot_id")
def test_a_cut_index_or_snapshot_is_found(store, directory, size):
    (name,) = names(store, directory)
    store.put(name, [store.get(name)[:size]])
    assert any(f"{name} is damaged" in error for error in texts(structure_only(store)))


# untidy, not wrong


@pytest.mark.usefixtures("snapshot_id")
def test_a_pack_in_no_index_is_noted(store):
    store.put(file_name(PackId.of(b"orphan")), [b"orphan"])
    report = check_all(reopen(store))
    assert report.errors == []
    assert texts(report, Severity.NOTE) == [
        f"pack {PackId.of(b'orphan').short} is in no index: an interrupted run left it, or a running one has not finished yet"
    ]


@pytest.mark.usefixtures("snapshot_id")
def test_foreign_files_are_ignored(store):
    for name in ("README", "data/README", "index/README", "snapshots/README", "keys/README"):
        store.put(name, [b"hello"])
    assert check_all(reopen(store)).findings == []


# files that are whole but say something wrong


def test_a_snapshot_of_a_tree_that_does_not_exist_is_found(store):
    repository = init(store)
    made = save_snapshot(repository, BlobId.of(b"nothing").hex())
    (error,) = texts(check_all(repository))
    assert f"snapshot {made.short}: directory / cannot be read" in error


def test_a_snapshot_whose_tree_is_no_id_is_found(store):
    repository = init(store)
    made = save_snapshot(repository, "tree")
    (error,) = texts(check_all(repository))
    assert f"snapshot {made.short}: 'tree' is not an id" in error


def test_a_file_whose_content_is_lost_is_named(store):
    repository = init(store)
    inner = encode_tree([node("lost", NodeType.FILE, content=[BlobId.of(b"lost").hex()])])
    outer = encode_tree([node("directory", NodeType.DIRECTORY, subtree=BlobId.of(inner).hex())])
    _, root = save_blobs(repository, (BlobType.TREE, inner), (BlobType.TREE, outer))
    save_snapshot(repository, root.hex())
    (error,) = texts(check_all(repository))
    assert "file /directory/lost is incomplete" in error


def test_a_directory_that_is_lost_is_named_and_its_neighbours_are_checked(store):
    repository = init(store)
    gone = [node("file", NodeType.FILE, content=[BlobId.of(b"gone").hex()])]
    inner = encode_tree(gone)
    outer = encode_tree(
        [
            node("a", NodeType.DIRECTORY, subtree=BlobId.of(b"lost").hex()),
            node("b", NodeType.DIRECTORY, subtree=BlobId.of(inner).hex()),
        ]
    )
    save_blobs(repository, (BlobType.TREE, inner))
    (root,) = save_blobs(repository, (BlobType.TREE, outer))
    save_snapshot(repository, root.hex())
    (finding,) = check_all(repository).findings
    assert "2 files and directories are damaged" in finding.what
    assert finding.why.startswith("the first: ")
    assert set(finding.paths) == {"/a", "/b/file"}
    assert finding.path_count == 2


def test_the_first_of_many_lost_files_are_named_and_all_are_counted(store):
    repository = init(store)
    snapshot_id = write_files(repository, {f"{number:05}": b"%d" % number for number in range(3000)})
    again = write_files(repository, {"00000": b"0"})
    lost = {place.pack for place in repository.index.blobs() if place.blob.type is BlobType.DATA}
    for pack_id in lost:
        store.delete(file_name(pack_id))
    report = structure_only(store)
    assert report.error_count == len(report.findings) == len(lost) + 2
    assert {finding.pack for finding in report.findings} == {"", *(pack_id.hex() for pack_id in lost)}
    found = {finding.snapshot: finding for finding in report.findings}
    assert found[snapshot_id.hex()].path_count == 3000
    assert found[snapshot_id.hex()].paths == tuple(f"/{number:05}" for number in range(10))
    assert "3,000 files and directories are damaged" in found[snapshot_id.hex()].what
    assert (found[again.hex()].paths, found[again.hex()].path_count) == (("/00000",), 1)


def test_of_very_many_damages_the_first_are_kept_and_all_are_counted(store, monkeypatch):
    monkeypatch.setattr(check_report, "MOST_FINDINGS", 5)
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1000)
    write_files(init(store), {str(number): random.Random(number).randbytes(1000) for number in range(39)})
    for name in names(store, "data"):
        store.delete(name)
    report = structure_only(store)
    assert len(report.findings) == 5
    assert report.error_count == 40 + 1


def test_a_tree_that_is_no_tree_is_found(store):
    repository = init(store)
    (root,) = save_blobs(repository, (BlobType.TREE, b"no tree"))
    save_snapshot(repository, root.hex())
    (error,) = texts(check_all(repository))
    assert "directory / cannot be read" in error


def put_pack(repository, blobs, header_blobs):
    """A pack whose name is right, whose header lists `header_blobs` and whose index entry lists `blobs`."""
    parts = [repository.key.seal(plain) for plain, _ in blobs]
    content = b"".join(parts) + encode_header(repository.key, header_blobs)
    pack_id = PackId.of(content)
    repository.store.put(file_name(pack_id), [content])
    places, offset = [], 0
    for (_, blob_id), part in zip(blobs, parts, strict=True):
        places.append(PackedBlob(BlobType.DATA, blob_id, offset, len(part), 0))
        offset += len(part)
    save_index(repository.store, repository.key, [(pack_id, places)])
    return places


def entry(plain, offset=0, blob_id=None, length=None):
    return PackedBlob(BlobType.DATA, blob_id or BlobId.of(plain), offset, length or len(plain) + 32, 0)


def test_a_blob_that_is_not_what_its_id_names_is_found(store):
    repository = init(store)
    put_pack(repository, [(b"content", BlobId.of(b"other"))], [entry(b"content", blob_id=BlobId.of(b"other"))])
    (error,) = texts(check_all(reopen(store)))
    assert "its content does not match its id" in error


def test_a_header_that_names_another_blob_than_the_index_is_found(store):
    repository = init(store)
    put_pack(repository, [(b"content", BlobId.of(b"other"))], [entry(b"content")])
    (error,) = texts(check_all(reopen(store)))
    assert "not in the repository's index" in error


def test_a_header_in_another_order_than_the_index_is_found(store):
    repository = init(store)
    put_pack(repository, [(b"one", BlobId.of(b"one")), (b"two", BlobId.of(b"two"))], [entry(b"two"), entry(b"one", 35)])
    (error,) = texts(check_all(reopen(store)))
    assert error.count("is damaged: its content does not match its id") == 2
    assert "lies elsewhere than the index says" in error


def test_a_header_that_does_not_cover_the_pack_is_found(store):
    repository = init(store)
    put_pack(repository, [(b"one", BlobId.of(b"one")), (b"two", BlobId.of(b"two"))], [entry(b"one")])
    errors = texts(check_all(reopen(store)))
    assert any("does not cover its content" in error for error in errors)
