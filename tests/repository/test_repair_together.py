"""Index and packs damaged at once, in every combination: the recipe of docs/repair.md, with and without a backup in it."""

import itertools

import pytest
from tests.repository.damage import cut, damages, flip, index_files, packs, restorable
from tests.sample_repository import FILES, init, read_files, reopen, write_files

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import lock
from holdfast.repository.index_file import save_index
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import repair_index
from holdfast.repository.repair_packs import repair_packs
from holdfast.repository.repair_snapshots import repair_snapshots

MORE = {**FILES, "objects/more": b"more"}


@pytest.fixture(autouse=True)
def _no_competitors(monkeypatch):
    """So that no lock need wait for them."""
    monkeypatch.setattr(lock, "SETTLE", 0)


def delete_index(store):
    for name in index_files(store):
        store.delete(name)


def list_twice(store):
    repository = reopen(store)
    blobs = list(repository.index.blobs())
    by_pack = [(pack.id, [place.blob for place in blobs if place.pack == pack.id]) for pack in packs(store)]
    save_index(
        store, repository.key, [(pack_id, sorted(one, key=lambda blob: blob.offset)) for pack_id, one in by_pack]
    )


INDEX = {
    "whole": lambda _: None,
    "deleted": delete_index,
    "one file deleted": lambda store: store.delete(index_files(store)[0]),
    "flipped": lambda store: flip(store, index_files(store)[0], 50),
    "cut": lambda store: cut(store, index_files(store)[1], 30),
    "listed twice": list_twice,
}
PACK = {
    "removed": lambda store, pack: store.delete(pack.name),
    "emptied": lambda store, pack: cut(store, pack.name, 0),
    "cut in a blob": lambda store, pack: cut(store, pack.name, pack.header - 1),
    "cut in the header": lambda store, pack: cut(store, pack.name, pack.header + 9),
    "longer": lambda store, pack: store.put(pack.name, [store.get(pack.name), b"more"]),
    "first blob": lambda store, pack: flip(store, pack.name, 40),
    "last blob": lambda store, pack: flip(store, pack.name, pack.header - 5),
    "header": lambda store, pack: flip(store, pack.name, pack.header + 20),
    "code": lambda store, pack: flip(store, pack.name, -5),
    "length": lambda store, pack: flip(store, pack.name, -4),
}
ORDERS = (("packs", "index"), ("index", "packs"))


def run(store, verb):
    options = {"dry_run": False, "cancel": Cancel(), "progress": Silent()}
    if verb == "index":
        return repair_index(reopen(store), read_all_packs=False, **options)
    if verb == "packs":
        return repair_packs(reopen(store), **options)
    return repair_snapshots(reopen(store), forget=True, **options)


@pytest.mark.parametrize("blob_type", BlobType)
@pytest.mark.parametrize("pack_damage", PACK)
@pytest.mark.parametrize("index_damage", INDEX)
def test_what_was_whole_stays_whole_and_a_backup_brings_the_rest_back(
    store, index_damage, pack_damage, blob_type, restic_agrees
):
    """Each in both orders of the first two repairs, and with and without a backup after them."""
    write_files(init(store))
    old = write_files(reopen(store), MORE)
    PACK[pack_damage](store, packs(store, blob_type)[0])
    INDEX[index_damage](store)
    before = {file.name: store.get(file.name) for file in store.list("")}
    files = restorable(store)
    for order, is_backed_up in itertools.product(ORDERS, (True, False)):
        for file in list(store.list("")):
            store.delete(file.name)
        for name, content in before.items():
            store.put(name, [content])
        for verb in order:
            run(store, verb)
            assert restorable(store) >= files
        if is_backed_up:
            write_files(reopen(store))
            write_files(reopen(store), MORE)
            assert read_files(reopen(store), old) == MORE
        repaired = run(store, "snapshots")
        assert not (is_backed_up and repaired.damaged)
        assert damages(store) == set()
        assert restorable(store) >= files
        restic_agrees(store)
