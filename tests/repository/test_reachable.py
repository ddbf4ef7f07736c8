import random
import tracemalloc

import pytest
from tests.sample_repository import init, nodes, reopen, write_files

from holdfast.errors import Cancelled, DamagedData
from holdfast.ids import BlobId, PackId
from holdfast.model.cancel import Cancel
from holdfast.repository.index import Index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob
from holdfast.repository.reachable import Reachable
from holdfast.repository.tree import content_ids
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

SHARED = {f"shared/{number}": random.Random(number).randbytes(100) for number in range(5)}


def a_tree_of(repository, **files):
    snapshot_id = write_files(repository, {name.replace("__", "/"): content for name, content in files.items()})
    return BlobId.parse(repository.load_snapshot(snapshot_id).tree), nodes(repository, snapshot_id)


@pytest.fixture
def repository(store):
    return init(store)


def reachable(repository):
    return Reachable(repository.reader, repository.index)


def test_what_is_below_the_roots_is_reachable_and_nothing_else(repository):
    root, found = a_tree_of(repository, a=b"1", d__b=b"2", d__e__c=b"3")
    other, others = a_tree_of(repository, a=b"4")
    reached = reachable(repository)
    assert list(reached.add(root)) == []
    for node in found.values():
        assert all(reached.has(BlobType.DATA, blob_id) for blob_id in content_ids(node))
    assert reached.trees == 3
    assert reached.has(BlobType.TREE, root)
    assert not reached.has(BlobType.TREE, other)
    assert not reached.has(BlobType.DATA, content_ids(others[b"a"])[0])
    assert not reached.has(BlobType.DATA, BlobId.of(b"nothing"))
    assert list(reached.add(other)) == []
    assert reached.has(BlobType.DATA, content_ids(others[b"a"])[0])
    assert reached.trees == 4
    assert reached.blobs == 8


def test_a_tree_is_not_taken_for_data(repository):
    root, _ = a_tree_of(repository, a=b"1")
    reached = reachable(repository)
    reached.add_many([root])
    assert not reached.has(BlobType.DATA, root)


def test_trees_that_are_neighbours_are_read_together_and_once(store):
    roots = [a_tree_of(init(store), **{f"d{n}__f": b"%d" % n for n in range(50)})[0]]
    read = FaultyStore(store)
    repository = reopen(read)
    roots.append(a_tree_of(repository, **{f"d{n}__f": b"%d" % n for n in range(51)})[0])
    repository = reopen(read)
    reached = reachable(repository)
    read.calls.clear()
    reached.add_many(roots)
    assert reached.trees == 2 + 51
    # Two packs: in each the root, and then all directories at once.
    assert [call.operation for call in read.calls] == ["get_range"] * 4
    read.calls.clear()
    reached.add_many(roots)
    assert read.calls == []


def test_a_pack_that_is_lost_costs_the_files_in_it(store):
    repository = init(store)
    root, found = a_tree_of(repository, a=b"1", d__b=b"2")
    again, _ = a_tree_of(repository, a=b"1", c=b"3")
    place = repository.index.find(BlobType.DATA, content_ids(found[b"a"])[0])
    repository.index.forget_packs([place.pack])
    reached = reachable(repository)
    reached.add_many([root, again])
    assert sorted(str(damage) for damage in reached.damage_below(root)) == [
        "file /a is incomplete",
        "file /d/b is incomplete",
    ]
    [damage] = reached.damage_below(again)
    assert damage == ("/a", False, damage.why)
    assert "is not in the repository's index" in damage.why


def test_a_directory_that_is_lost_is_named_below_every_root(store):
    repository = init(store)
    root, found = a_tree_of(repository, a=b"1", d__b=b"2")
    again, _ = a_tree_of(repository, a=b"2", d__b=b"2")
    whole, _ = a_tree_of(repository, a=b"2")
    lost = repository.index.find(BlobType.TREE, BlobId.parse(found[b"d"].subtree)).pack
    store.delete(file_name(lost))
    # What else was in that pack is stored again.
    assert a_tree_of(reopen_without_lost(store), a=b"1", d__b=b"3")
    reached = reachable(reopen(store))
    reached.add_many([root, again, whole])
    assert [str(damage) for damage in reached.damage_below(root)] == ["directory / cannot be read"]
    assert [str(damage) for damage in reached.damage_below(again)] == ["directory /d cannot be read"]
    assert list(reached.damage_below(whole)) == []


def reopen_without_lost(store):
    repository = reopen(store)
    repository.forget_lost_packs()
    return repository


def test_a_root_that_is_in_no_index_is_damage(repository):
    reached = reachable(repository)
    [error] = reached.add(BlobId.of(b"nothing"))
    assert error.what == "directory / cannot be read"
    assert reached.trees == 0


def test_a_tree_that_could_not_be_read_stays_damage(store):
    """Nobody knows then what is below it."""
    root, found = a_tree_of(init(store), d__b=b"2")
    fails_once = FaultyStore(store, Script(Fault("before", "get_range", "data/*", times=3, error=lost_for_now)))
    repository = reopen(fails_once)
    reached = reachable(repository)
    [error] = reached.add(root)
    assert error.what == "directory / cannot be read"
    assert not reached.has(BlobType.DATA, content_ids(found[b"d/b"])[0])


def lost_for_now(_):
    return DamagedData("a pack is damaged", why="for a while")


def test_what_the_index_learns_later_is_found(store):
    repository = init(store)
    reached = reachable(repository)
    root, found = a_tree_of(repository, a=b"1", d__b=b"2")
    assert list(reached.add(root)) == []
    assert reached.trees == 2
    assert reached.has(BlobType.DATA, content_ids(found[b"d/b"])[0])


def test_what_the_index_learns_after_the_walk_is_reachable_once_it_is_not_named_as_damage(store):
    repository = init(store)
    _, found = a_tree_of(repository, a=b"1")
    [blob_id] = content_ids(found[b"a"])
    place = repository.index.find(BlobType.DATA, blob_id)
    root = BlobId.parse(repository.load_snapshot(repository.snapshot_ids()[0]).tree)
    repository.index.forget_packs([place.pack])
    reached = reachable(repository)
    reached.add_many([root])
    repository.index.add_pack(PackId.of(b"another"), [place.blob])
    assert list(reached.damage_below(root)) == []
    assert reached.has(BlobType.DATA, blob_id)


def test_a_walk_can_be_cancelled(repository):
    root, _ = a_tree_of(repository, a=b"1")
    cancel = Cancel()
    reached = Reachable(repository.reader, repository.index, cancel=cancel)
    cancel.request()
    with pytest.raises(Cancelled):
        reached.add_many([root])


def test_a_blob_of_the_index_takes_20_bytes():
    index = Index()
    for pack in range(1000):
        digests = [BlobId.of(b"%d %d" % (pack, number)) for number in range(200)]
        index.add_pack(BlobId.of(b"%d" % pack), [PackedBlob(BlobType.DATA, one, 0, 40, 0) for one in digests])
    tracemalloc.start()
    try:
        reached = Reachable(None, index)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / reached.blobs < 22
