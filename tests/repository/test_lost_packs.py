"""A pack that was lost costs what was in it; what still exists outside is stored again by the next backup."""

import pytest
from tests.restic_oracle import PASSWORD
from tests.sample_repository import FILES, init, read_files, reopen, write_files

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.clock import SystemClock
from holdfast.repository import index_loader
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.layout import Directory
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import open_repository
from holdfast.store.local import LocalStore


@pytest.fixture
def store(tmp_path):
    store = LocalStore(tmp_path / "repository")
    write_files(init(store))
    return store


def packs(store):
    return list(store.list(Directory.PACKS.value))


def test_a_writer_that_knows_stores_again_what_lost_packs_held(store):
    for entry in packs(store):
        store.delete(entry.name)

    again = reopen(store)
    assert again.forget_lost_packs() == 2
    snapshot_id = write_files(again)

    assert read_files(reopen(store), snapshot_id) == FILES  # although the old index still lists the lost packs


def test_a_pack_that_was_cut_short_counts_as_lost(store):
    for entry in packs(store):
        store.put(entry.name, [store.get(entry.name)[:-1]])

    assert reopen(store).forget_lost_packs() == 2


def test_whole_packs_are_not_forgotten(store):
    repository = reopen(store)
    assert repository.forget_lost_packs() == 0
    assert len(repository.index) > 0


def test_a_blob_with_a_second_copy_survives_the_loss_of_the_first(store):
    content = FILES["backup.json"]
    blob_id = BlobId.of(content)
    other = reopen(store)
    other.index.forget_packs([pack_id for pack_id, _ in other.index.packs()])
    write_files(other)
    first = reopen(store).index.find(BlobType.DATA, blob_id)
    for entry in packs(store):
        if first.pack.hex() in entry.name:
            store.delete(entry.name)

    repository = reopen(store)
    assert repository.reader.load(BlobType.DATA, blob_id) == content
    assert list(repository.reader.load_many([(blob_id, "tag")])) == [("tag", content)]
    repository.forget_lost_packs()
    assert repository.index.find(BlobType.DATA, blob_id).pack != first.pack


def test_a_lost_pack_without_copies_is_named(store):
    for entry in packs(store):
        store.delete(entry.name)

    with pytest.raises(DamagedData, match=r"pack .* is missing"):
        reopen(store).reader.load(BlobType.DATA, BlobId.of(FILES["backup.json"]))


def test_also_packs_that_a_cache_knows_are_compared(store, tmp_path, monkeypatch):
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)
    for entry in packs(store):
        store.delete(entry.name)

    for made in ("now", "before"):
        cached = open_repository(store, PASSWORD, SystemClock(), IndexCache(tmp_path / "cache"))
        assert cached.forget_lost_packs() == 2, made
        assert cached.index.segments
        assert len(cached.index) == 0
    snapshot_id = write_files(cached)
    assert read_files(cached, snapshot_id) == FILES
    assert read_files(reopen(store), snapshot_id) == FILES
