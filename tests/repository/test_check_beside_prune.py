"""A prune that moves blobs while a check goes on takes nothing from anybody, and the check says so."""

import random

import pytest
from tests.sample_repository import check_all, init, reopen, write_files

from holdfast.ids import PackId
from holdfast.repository import index_loader
from holdfast.repository.index import save_index
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.index_file import list_index_files
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob, encode_header
from holdfast.repository.repository import open_repository
from holdfast.testing.faulty_store import FaultyStore

FILES = {f"d{number}/f": random.Random(number).randbytes(400) for number in range(20)}


@pytest.fixture
def repository(store):
    repository = init(store)
    write_files(repository, FILES)
    write_files(repository, {"d0/f": b"another"})
    return repository


def blobs_by_pack(repository):
    found = {}
    for place in reopen(repository.store).index.blobs():
        found.setdefault(place.pack, []).append(place.blob)
    return {pack: sorted(blobs, key=lambda blob: blob.offset) for pack, blobs in found.items()}


def repack(repository, blob_type):
    """Moves all blobs of one type into one new pack, as a prune does: new pack, new index, old index away, old packs away."""
    packs = blobs_by_pack(repository)
    old = [pack for pack, blobs in packs.items() if blobs[0].type is blob_type]
    parts, moved, offset = [], [], 0
    for pack in old:
        content = repository.store.get(file_name(pack))
        for blob in packs[pack]:
            parts.append(repository.key.seal(repository.key.open(content[blob.offset : blob.offset + blob.length])))
            moved.append(PackedBlob(blob.type, blob.id, offset, blob.length, blob.plain_length))
            offset += blob.length
    content = b"".join(parts) + encode_header(repository.key, moved)
    new = PackId.of(content)
    repository.store.put(file_name(new), [content])
    before = list_index_files(repository.store)
    rest = [(pack, blobs) for pack, blobs in packs.items() if pack not in old]
    save_index(repository.store, repository.key, [*rest, (new, moved)])
    for name in (*map(file_name, before), *map(file_name, old)):
        repository.store.delete(name)


class Once:
    """Does something at the first call that fits."""

    def __init__(self, action, operation, directory):
        self.wanted = (operation, directory)
        self.action = action
        self.done = False

    def __call__(self, call):
        if not self.done and (call.operation, call.name.partition("/")[0]) == self.wanted:
            self.done = True
            self.action()


MOMENTS = [
    ("get", "snapshots"),
    ("list", "index"),
    ("get", "index"),
    ("list", "data"),
    ("get_range", "data"),
    ("get", "data"),
]


@pytest.mark.parametrize(("operation", "directory"), MOMENTS)
@pytest.mark.parametrize("blob_type", BlobType)
@pytest.mark.parametrize("is_cached", [False, True])
def test_what_a_prune_moves_is_not_missing(
    repository, operation, directory, blob_type, is_cached, tmp_path, monkeypatch
):
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)
    once = Once(lambda: repack(repository, blob_type), operation, directory)
    store = FaultyStore(repository.store, once)
    checked = open_repository(store, "test", cache=IndexCache(tmp_path)) if is_cached else reopen(store)
    report = check_all(checked)
    assert once.done
    assert report.errors == []
    assert report.snapshots == 2
    assert check_all(reopen(repository.store)).findings == []


@pytest.mark.parametrize(("operation", "directory"), [moment for moment in MOMENTS if moment != ("get_range", "data")])
def test_a_snapshot_that_is_deleted_and_pruned_meanwhile_is_no_damage(repository, operation, directory):
    def forget():
        *_, last = repository.snapshot_ids()
        repository.delete_snapshot(last)
        repack(repository, BlobType.TREE)

    once = Once(forget, operation, directory)
    report = check_all(reopen(FaultyStore(repository.store, once)))
    assert once.done
    assert report.errors == []


@pytest.mark.parametrize(("operation", "directory"), MOMENTS[3:])
def test_a_pack_that_is_really_lost_meanwhile_is_damage(repository, operation, directory):
    def lose():
        for pack in blobs_by_pack(repository):
            repository.store.delete(file_name(pack))

    report = check_all(reopen(FaultyStore(repository.store, Once(lose, operation, directory))))
    assert report.errors


@pytest.mark.parametrize(("operation", "directory"), MOMENTS[3:])
def test_and_so_it_is_if_a_prune_moved_something_else(repository, operation, directory):
    def lose():
        repack(repository, BlobType.DATA)
        for pack, blobs in blobs_by_pack(repository).items():
            if blobs[0].type is BlobType.TREE:
                repository.store.delete(file_name(pack))

    report = check_all(reopen(FaultyStore(repository.store, Once(lose, operation, directory))))
    assert any("missing" in finding.what or "vanished" in finding.what for finding in report.errors)


def test_a_check_beside_endless_prunes_ends(repository):
    """Something is lost, and whenever it was looked at, index files have been replaced."""
    lost = next(iter(blobs_by_pack(repository)))
    loads = []

    def replace_index(call):
        if call == ("list", "data"):
            loads.append(call)
            before = list_index_files(repository.store)
            save_index(repository.store, repository.key, list(blobs_by_pack(repository).items()))
            for index_id in before:
                repository.store.delete(file_name(index_id))

    repository.store.delete(file_name(lost))
    report = check_all(reopen(FaultyStore(repository.store, replace_index)))
    assert any(finding.what == f"pack {lost.short} is missing" for finding in report.errors)
    assert len(loads) == 3


def test_a_pack_that_was_read_wrongly_once_is_whole(repository):
    class Flaky(FaultyStore):
        def get(self, name):
            content = super().get(name)
            first = [call for call in self.calls if call == ("get", name)]
            return content[:-1] if name.startswith("data/") and len(first) == 1 else content

    report = check_all(reopen(Flaky(repository.store)))
    assert report.findings == []
    assert report.packs_read == report.packs
