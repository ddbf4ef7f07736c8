"""Marks in the index: packs that are going to be removed are read, but no writer counts on them."""

import datetime as dt

import pytest
from tests.repository.index_files import KEY, blob_id, cache_in, some_packs, store_index
from tests.repository.pruning import content, marks, plan, prune, timed_repository, write
from tests.sample_repository import read_files, reopen

from holdfast.errors import DamagedData
from holdfast.ids import BlobId, IndexId
from holdfast.model.cancel import Cancel
from holdfast.repository import index_loader, sealed
from holdfast.repository import lock as lock_module
from holdfast.repository.index_file import list_index_files, save_marks
from holdfast.repository.index_loader import load_index
from holdfast.repository.marks import replace_marks
from holdfast.repository.pack import BlobType
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import FaultyStore

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DATA = BlobType.DATA


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


@pytest.fixture(params=["memory", "segments"])
def load(request, tmp_path, monkeypatch):
    """Loads an index, all of it in memory, or all but marks in segments of a cache."""
    if request.param == "memory":
        return lambda store: load_index(store, KEY)
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)

    def load(store):
        index = load_index(store, KEY, cache_in(tmp_path / "cache"))
        assert index.segments
        return index

    return load


def test_a_marked_pack_is_read_and_not_counted_on(store, load):
    (marked, *_), (kept, *_) = [some_packs(1), some_packs(2)]
    store_index(store, [marked, kept])
    save_marks(store, KEY, {marked[0]: NOW})
    for _ in range(2):  # the second time from the cache
        index = load(store)
        assert index.marks == {marked[0]: NOW}
        assert not index.has(DATA, blob_id(1))
        assert index.find(DATA, blob_id(1)).pack == marked[0]
        assert index.has(DATA, blob_id(2))
        assert len(index) == 2


def test_a_blob_that_is_elsewhere_too_is_found_there(store, load):
    (first,), (second,), (third,) = some_packs(1), some_packs(1), some_packs(1)
    for pack in (first, second, third):
        store_index(store, [pack])
    places = {pack_id: blobs[0] for pack_id, blobs in (first, second, third)}
    for marked in (first[0], second[0], third[0]):
        copy = MemoryStore()
        for file in store.list(""):
            copy.put(file.name, [store.get(file.name)])
        save_marks(copy, KEY, {marked: NOW})
        index = load(copy)
        assert index.has(DATA, blob_id(1))
        assert index.find(DATA, blob_id(1)).pack != marked
        assert index.places(DATA, blob_id(1))[-1].pack == marked
        assert [index.find(DATA, blob_id(1)), *index.copies(DATA, blob_id(1))] == index.places(DATA, blob_id(1))
        assert {place.pack: place.blob for place in index.places(DATA, blob_id(1))} == places


def test_a_blob_in_marked_packs_only_is_stored_anew(store, load):
    (first,), (second,) = some_packs(1), some_packs(1)
    store_index(store, [first, second])
    save_marks(store, KEY, {first[0]: NOW, second[0]: NOW})
    assert not load(store).has(DATA, blob_id(1))


def test_the_later_of_two_marks_counts(store, load):
    (pack,) = some_packs(1)
    store_index(store, [pack])
    for age in (2, 1, 3):
        save_marks(store, KEY, {pack[0]: NOW - age * HOUR})
    index = load(store)
    assert index.marks == {pack[0]: NOW - HOUR}
    assert len(index.mark_files) == 3


def test_marks_vanish_with_their_file(store, load):
    (pack,) = some_packs(1)
    store_index(store, [pack])
    marks_id = save_marks(store, KEY, {pack[0]: NOW})
    assert not load(store).has(DATA, blob_id(1))
    store.delete(f"index/{marks_id}")
    index = load(store)
    assert index.has(DATA, blob_id(1))
    assert (index.marks, index.mark_files) == ({}, set())


def test_a_file_with_packs_and_marks_is_no_file_of_marks(store, load):
    """We write none, but who merges index files may."""
    (pack,), (other,) = some_packs(1), some_packs(2)
    store_index(store, [other])
    document = {
        "packs": [
            {"id": pack[0].hex(), "blobs": [{"id": blob_id(1).hex(), "type": "data", "offset": 0, "length": 101}]}
        ],
        "holdfast_marks": [{"pack": pack[0].hex(), "time": NOW.isoformat()}],
    }
    sealed.save(store, KEY, document, IndexId)
    index = load(store)
    assert index.marks == {pack[0]: NOW}
    assert index.mark_files == set()
    assert index.find(DATA, blob_id(1)).pack == pack[0]


@pytest.mark.parametrize("mark", [{"pack": "00", "time": NOW.isoformat()}, {"pack": "00" * 32, "time": "yesterday"}])
def test_marks_that_are_none_are_damage(store, mark):
    sealed.save(store, KEY, {"packs": [], "holdfast_marks": [mark]}, IndexId)
    index = load_index(store, KEY)
    assert [fault.what.partition("/")[0] for fault in index.faults] == ["index"]
    assert index.marks == {}


# index files that others put in the place of others while we read


class Swapping(MemoryStore):
    """After `list` has told, and before anybody reads, other files take the place of those."""

    def __init__(self):
        super().__init__()
        self.swaps = []

    def list(self, directory):
        files = list(super().list(directory))
        if directory == "index" and self.swaps:
            self.swaps.pop(0)()
        return iter(files)


def test_index_files_that_vanish_while_they_are_read_make_it_read_anew(load):
    store = Swapping()
    (pack,), (other,) = some_packs(1), some_packs(2)
    old = store_index(store, [pack, other])

    def swap():
        store_index(store, [pack])
        save_marks(store, KEY, {pack[0]: NOW})
        store.delete(f"index/{old}")

    store.swaps.append(swap)
    index = load(store)
    assert index.marks == {pack[0]: NOW}
    assert index.files == set(list_index_files(store))
    assert len(index) == 1


def test_marks_that_move_while_they_are_read_are_not_missed(load):
    store = Swapping()
    (pack,), (other,) = some_packs(1), some_packs(2)
    store_index(store, [pack, other])
    files = [save_marks(store, KEY, {pack[0]: NOW})]

    def swap():
        files.append(save_marks(store, KEY, {pack[0]: NOW, other[0]: NOW}))
        store.delete(f"index/{files.pop(0)}")

    store.swaps += [swap] * 3
    assert load(store).marks == {pack[0]: NOW, other[0]: NOW}


def test_a_file_that_is_listed_and_never_there_does_not_keep_us_for_ever(store):
    (pack,) = some_packs(1)
    store_index(store, [pack])
    gone = f"index/{IndexId.of(b'gone')}"

    class Lying(MemoryStore):
        def list(self, directory):
            yield from store.list(directory)
            if directory == "index":
                yield next(iter(store.list("index")))._replace(name=gone)

        def get(self, name):
            return store.get(name)

    assert load_index(Lying(), KEY).has(DATA, blob_id(1))


# replacing marks


def test_new_marks_are_stored_before_old_ones_go():
    repository = timed_repository()
    write(repository, a=content(1))
    pack_id = next(iter(repository.reload_index().packs()))[0]
    faulty = FaultyStore(repository.store)
    again = reopen(repository.store, clock=repository.clock)
    again.reload_index()
    again.store = faulty
    with repository.lock(Cancel()) as lock:
        replace_marks(again, {pack_id: NOW}, lock)
        replace_marks(again, {pack_id: NOW + HOUR}, lock)
        replace_marks(again, {pack_id: NOW + HOUR}, lock)
    assert [call.operation for call in faulty.calls] == ["put", "put", "delete"]
    assert marks(repository) == again.index.marks == {pack_id: NOW + HOUR}
    with repository.lock(Cancel()) as lock:
        replace_marks(again, {}, lock)
    assert marks(repository) == {}
    assert len(reopen(repository.store).index.mark_files) == 0


def test_two_files_with_the_same_marks_become_one():
    repository = timed_repository()
    write(repository, a=content(1))
    pack_id = next(iter(repository.reload_index().packs()))[0]
    for _ in range(2):
        save_marks(repository.store, repository.key, {pack_id: NOW})
    again = reopen(repository.store)
    with repository.lock(Cancel()) as lock:
        replace_marks(again, {pack_id: NOW}, lock)
    assert len(reopen(repository.store).index.mark_files) == 1
    assert marks(repository) == {pack_id: NOW}


# what readers and writers do with them


def test_what_is_in_marked_packs_is_restored_and_stored_anew():
    repository = timed_repository()
    gone = write(repository, a=content(1))
    repository.delete_snapshot(gone)
    prune(repository)
    assert len(marks(repository)) == 2
    late = write(repository, a=content(1))
    assert read_files(reopen(repository.store), late) == {"a": content(1)}
    blob = BlobId.of(content(1))
    assert len(reopen(repository.store).index.places(DATA, blob)) == 2
    assert reopen(repository.store).index.find(DATA, blob).pack not in marks(repository)


def test_an_index_file_that_is_damaged_stops_a_plan():
    repository = timed_repository()
    write(repository, a=content(1))
    repository.store.put(f"index/{IndexId.of(b'?')}", [b"?"])
    with pytest.raises(DamagedData):
        plan(repository)
