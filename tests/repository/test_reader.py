import random

import pytest
from tests.sample_repository import init, write_files

from holdfast.errors import DamagedData, StoreUnavailable
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.repository import reader as reader_module
from holdfast.repository import writer as writer_module
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

RANDOM = random.Random(6).randbytes(1 << 20)
CONTENTS = [RANDOM[number * 1000 : number * 1000 + 2000] for number in range(60)]
IDS = [BlobId.of(content) for content in CONTENTS]


@pytest.fixture
def filled(store, monkeypatch):
    """A repository of sixty blobs in six packs."""
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 20_000)
    repository = init(store)
    with repository.lock(Cancel()) as lock:
        writer = repository.writer(lock, Cancel())
        for content in CONTENTS:
            writer.save(BlobType.DATA, content)
        writer.flush()
        writer.close()
    assert len(list(repository.index.packs())) == 6
    return repository


def reader(repository, *faults):
    """(a reader of its own, its store's calls)."""
    store = FaultyStore(repository.store, Script(*faults))
    return BlobReader(store, repository.key, lambda: repository.index), store.calls


def pack_of(repository, number):
    return repository.index.find(BlobType.DATA, IDS[number]).pack


def change(store, name, position, bit=1):
    content = bytearray(store.get(name))
    content[position] ^= bit
    store.put(name, [content])


def test_a_blob_is_read_with_one_request(filled):
    one, calls = reader(filled)
    assert one.load(BlobType.DATA, IDS[7]) == CONTENTS[7]
    assert [call.operation for call in calls] == ["get_range"]


def test_a_file_is_read_a_few_blobs_ahead_of_what_is_taken(filled):
    one, calls = reader(filled)
    pieces = one.iter_file(IDS)
    assert [next(pieces), next(pieces)] == CONTENTS[:2]
    assert len(calls) <= 7
    assert list(pieces) == CONTENTS[2:]
    assert len(calls) == len(IDS)


def test_a_file_is_its_blobs_in_order(filled):
    one, _ = reader(filled)
    assert one.load_file([IDS[9], IDS[2], IDS[9]]) == CONTENTS[9] + CONTENTS[2] + CONTENTS[9]


def test_an_unknown_blob_is_damage(filled):
    with pytest.raises(DamagedData, match="not in the repository's index"):
        filled.reader.load(BlobType.DATA, BlobId.of(b"unknown"))
    with pytest.raises(DamagedData, match="not in the repository's index"):
        filled.reader.load(BlobType.TREE, IDS[0])


def test_a_blob_in_a_removed_pack_names_the_pack(filled):
    pack = pack_of(filled, 0)
    filled.store.delete(file_name(pack))
    with pytest.raises(DamagedData, match=f"pack {pack.short} is missing"):
        filled.reader.load(BlobType.DATA, IDS[0])


def test_a_blob_behind_the_end_of_a_cut_pack_names_the_pack(filled):
    name = file_name(pack_of(filled, 0))
    filled.store.put(name, [filled.store.get(name)[:100]])
    with pytest.raises(DamagedData, match=r"pack \w+ is damaged: its file was cut short"):
        filled.reader.load(BlobType.DATA, IDS[0])


def test_a_flipped_bit_names_the_blob(filled):
    change(filled.store, file_name(pack_of(filled, 0)), 500)
    with pytest.raises(DamagedData, match=f"blob {IDS[0].short} is damaged"):
        filled.reader.load(BlobType.DATA, IDS[0])


def test_a_tree_that_is_no_tree_is_damage(repository):
    with repository.lock(Cancel()) as lock:
        writer = repository.writer(lock, Cancel())
        tree = writer.save(BlobType.TREE, b"no tree")
        writer.flush()
        writer.close()
    with pytest.raises(DamagedData, match="tree is damaged"):
        repository.reader.load_tree(tree)


def test_many_are_read_completely_each_with_its_tag(filled):
    order = random.Random(1).sample(range(60), 60)
    found = dict(filled.reader.load_many((IDS[number], number) for number in order))
    assert found == dict(enumerate(CONTENTS))


def test_many_come_pack_by_pack_in_the_order_of_their_offsets(filled):
    order = random.Random(2).sample(range(60), 60)
    places = [
        (found.pack, found.blob.offset)
        for number, _ in filled.reader.load_many((IDS[number], number) for number in order)
        for found in [filled.index.find(BlobType.DATA, IDS[number])]
    ]
    assert places == sorted(places)


def test_a_blob_wanted_twice_comes_twice(filled):
    found = sorted(filled.reader.load_many([(IDS[3], "a"), (IDS[4], "b"), (IDS[3], "c")]))
    assert found == [("a", CONTENTS[3]), ("b", CONTENTS[4]), ("c", CONTENTS[3])]


def test_nothing_wanted_reads_nothing(filled):
    one, calls = reader(filled)
    assert list(one.load_many([])) == []
    assert calls == []


def test_neighbours_are_read_with_one_request(filled):
    one, calls = reader(filled)
    assert len(list(one.load_many((wanted, None) for wanted in IDS))) == 60
    assert len(calls) == 6


def test_blobs_far_apart_are_read_separately(filled, monkeypatch):
    monkeypatch.setattr(reader_module, "_LARGEST_GAP", 1000)
    in_one_pack = [number for number in range(60) if pack_of(filled, number) == pack_of(filled, 0)]
    one, calls = reader(filled)
    wanted = [in_one_pack[0], in_one_pack[1], in_one_pack[-1]]
    found = dict(one.load_many((IDS[number], number) for number in wanted))
    assert found == {number: CONTENTS[number] for number in wanted}
    assert len(calls) == 2


def test_a_read_is_bounded(filled, monkeypatch):
    monkeypatch.setattr(reader_module, "_LARGEST_READ", 5000)
    lengths = []
    get_range = type(filled.store).get_range
    monkeypatch.setattr(
        type(filled.store), "get_range", lambda s, n, o, length: lengths.append(length) or get_range(s, n, o, length)
    )
    assert len(dict(filled.reader.load_many((one, number) for number, one in enumerate(IDS)))) == 60
    assert max(lengths) <= 5000


def test_a_blob_larger_than_a_read_is_read_all_the_same(filled, monkeypatch):
    monkeypatch.setattr(reader_module, "_LARGEST_READ", 10)
    assert dict(filled.reader.load_many((one, number) for number, one in enumerate(IDS))) == dict(enumerate(CONTENTS))


@pytest.mark.parametrize("harm", ["removed", "cut", "emptied"])
def test_a_damaged_pack_costs_only_what_is_in_it(filled, harm):
    bad = pack_of(filled, 0)
    name = file_name(bad)
    if harm == "removed":
        filled.store.delete(name)
    else:
        filled.store.put(name, [filled.store.get(name)[: 100 if harm == "cut" else 0]])
    found = dict(filled.reader.load_many((one, number) for number, one in enumerate(IDS)))
    for number, content in enumerate(CONTENTS):
        if pack_of(filled, number) == bad:
            assert isinstance(found[number], DamagedData)
        else:
            assert found[number] == content


def test_a_flipped_bit_costs_only_its_blob(filled):
    place = filled.index.find(BlobType.DATA, IDS[5])
    change(filled.store, file_name(place.pack), place.blob.offset + 20)
    found = dict(filled.reader.load_many((one, number) for number, one in enumerate(IDS)))
    assert [number for number, content in found.items() if isinstance(content, DamagedData)] == [5]


def test_an_unknown_blob_costs_only_itself(filled):
    found = dict(filled.reader.load_many([(IDS[0], 0), (BlobId.of(b"unknown"), 1), (IDS[2], 2)]))
    assert (found[0], found[2]) == (CONTENTS[0], CONTENTS[2])
    assert isinstance(found[1], DamagedData)


def test_a_store_that_does_not_answer_is_no_damage(filled):
    one, _ = reader(filled, Fault("before", "get_range", times=None))
    with pytest.raises(StoreUnavailable):
        one.load(BlobType.DATA, IDS[0])
    with pytest.raises(StoreUnavailable):
        list(one.load_many((wanted, None) for wanted in IDS))


def test_a_reading_may_be_left_unfinished(filled):
    many = filled.reader.load_many((one, number) for number, one in enumerate(IDS))
    assert isinstance(next(many)[1], bytes)
    many.close()


def test_what_a_writer_flushed_is_found_by_the_reader_of_the_same_repository(repository):
    assert len(repository.index) == 0
    write_files(repository, {"a": b"later"})
    assert repository.reader.load(BlobType.DATA, BlobId.of(b"later")) == b"later"
