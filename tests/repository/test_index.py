import json
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sample_repository import reopen, write_files

from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.repository import sealed
from holdfast.repository.index import Index, save_index
from holdfast.repository.index_loader import load_index
from holdfast.repository.pack import BlobType, PackedBlob, pack_size
from holdfast.store.memory import MemoryStore

KEY = SealingKey.random()
WHOLE = {
    "id": PackId.of(b"pack").hex(),
    "blobs": [{"id": BlobId.of(b"blob").hex(), "type": "data", "offset": 0, "length": 50, "uncompressed_length": 20}],
}


def blob(name, *, blob_type=BlobType.DATA, offset=0, length=100, plain_length=0):
    return PackedBlob(blob_type, BlobId.of(name.encode()), offset, length, plain_length)


def stored(store, document):
    return sealed.save(store, KEY, document, IndexId)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(BlobType), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)
        ),
        max_size=10,
    )
)
def test_an_index_comes_back(rows):
    blobs = [PackedBlob(t, BlobId.of(b"%d" % n), *numbers) for n, (t, *numbers) in enumerate(rows)]
    store = MemoryStore()
    save_index(store, KEY, [(PackId.of(b"one"), blobs), (PackId.of(b"two"), [blob("last")])])
    index = load_index(store, KEY)
    assert index.faults == []
    assert [pack_id for pack_id, _ in index.packs()] == [PackId.of(b"one"), PackId.of(b"two")]
    assert [size for _, size in index.packs()] == [pack_size(blobs), pack_size([blob("last")])]
    assert len(index) == len(blobs) + 1
    assert all(index.find(one.type, one.id) == (PackId.of(b"one"), one) for one in blobs)
    assert {found.blob for found in index.blobs()} == {*blobs, blob("last")}


def test_the_file_is_as_restic_writes_it(store):
    packed = [blob("a", length=40), blob("b", offset=40, length=60, plain_length=33, blob_type=BlobType.TREE)]
    index_id = save_index(store, KEY, [(PackId.of(b"pack"), packed)])
    plain = sealed.decode(KEY, store.get(f"index/{index_id}"), dict, "index")
    assert plain == {
        "packs": [
            {
                "id": PackId.of(b"pack").hex(),
                "blobs": [
                    {"id": BlobId.of(b"a").hex(), "type": "data", "offset": 0, "length": 40},
                    {
                        "id": BlobId.of(b"b").hex(),
                        "type": "tree",
                        "offset": 40,
                        "length": 60,
                        "uncompressed_length": 33,
                    },
                ],
            }
        ]
    }


def test_a_blob_is_looked_up_by_type_too():
    index = Index()
    index.add_pack(PackId.of(b"pack"), [blob("a")])
    assert index.has(BlobType.DATA, BlobId.of(b"a"))
    assert not index.has(BlobType.TREE, BlobId.of(b"a"))


def test_an_unknown_blob_is_named_in_the_error():
    with pytest.raises(DamagedData, match=f"tree blob {BlobId.of(b'x').short} is not in the repository's index"):
        Index().find(BlobType.TREE, BlobId.of(b"x"))


def test_a_blob_in_two_packs_keeps_its_first_place():
    index = Index()
    index.add_pack(PackId.of(b"one"), [blob("a")])
    index.add_pack(PackId.of(b"two"), [blob("b", length=40), blob("a", offset=40)])
    assert index.find(BlobType.DATA, BlobId.of(b"a")).pack == PackId.of(b"one")
    assert len(index) == 2
    assert len(list(index.packs())) == 2


def test_a_pack_listed_twice_is_counted_once():
    index = Index()
    for _ in range(2):
        index.add_pack(PackId.of(b"one"), [blob("a")])
    assert (len(list(index.packs())), len(index)) == (1, 1)


def test_unknown_and_old_fields_are_ignored(store):
    stored(store, {"supersedes": ["0" * 64], "packs": [WHOLE], "packs_to_delete": [{"id": "x", "time": "y"}]})
    index = load_index(store, KEY)
    assert index.faults == []
    assert index.find(BlobType.DATA, BlobId.of(b"blob")).blob.content_size == 20


@pytest.mark.parametrize(
    "change",
    [
        {"id": "short"},
        {"blobs": [{**WHOLE["blobs"][0], "id": "z" * 64}]},
        {"blobs": [{**WHOLE["blobs"][0], "type": "other"}]},
        {"blobs": [{**WHOLE["blobs"][0], "offset": -1}]},
        {"blobs": [{**WHOLE["blobs"][0], "length": 1 << 32}]},
        {"blobs": [{**WHOLE["blobs"][0], "uncompressed_length": 1 << 70}]},
        {"blobs": [{**WHOLE["blobs"][0], "offset": 1.5}]},
        {"blobs": None},
    ],
    ids=str,
)
def test_an_index_file_that_makes_no_sense_is_a_fault_and_the_others_are_used(store, change):
    stored(store, {"packs": [{**WHOLE, **change}]})
    save_index(store, KEY, [(PackId.of(b"other"), [blob("b")])])
    index = load_index(store, KEY)
    assert len(index.faults) == 1
    assert "index/" in index.faults[0].what
    assert index.find(BlobType.DATA, BlobId.of(b"b")).pack == PackId.of(b"other")


def test_a_damaged_index_file_is_the_reason_why_blobs_are_missing(store):
    index_id = save_index(store, KEY, [(PackId.of(b"one"), [blob("a")])])
    content = bytearray(store.get(f"index/{index_id}"))
    content[50] ^= 1
    store.put(f"index/{index_id}", [content])
    index = load_index(store, KEY)
    with pytest.raises(DamagedData, match=f"index/{index_id}"):
        index.find(BlobType.DATA, BlobId.of(b"a"))


def test_an_index_file_that_vanished_since_the_listing_is_no_fault(store):
    class Listing(MemoryStore):
        def list(self, directory):
            yield from super().list(directory)
            yield type(next(iter(super().list(""))))(f"index/{IndexId.of(b'gone')}", 10)

    store = Listing()
    save_index(store, KEY, [(PackId.of(b"one"), [blob("a")])])
    index = load_index(store, KEY)
    assert index.faults == []
    assert len(index) == 1


def test_foreign_files_among_the_index_are_ignored(store):
    store.put("index/README", [b"hello"])
    assert load_index(store, KEY).faults == []


@pytest.fixture
def switching_often():
    """Threads take turns after a microsecond, not after five milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching_often")
def test_threads_may_add_and_look_up_at_once():
    index, failures = Index(), []

    def work(number):
        for n in range(300):
            one = blob(f"{number}-{n}", offset=n, length=OVERHEAD + n)
            index.add_pack(PackId.of(b"%d-%d" % (number, n)), [one])
            if index.find(BlobType.DATA, one.id) != (PackId.of(b"%d-%d" % (number, n)), one):
                failures.append(one)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index) == 1800


def test_what_a_writer_stored_is_what_a_later_reader_finds(repository):
    write_files(repository)
    before = sorted(repository.index.blobs())
    assert sorted(reopen(repository.store).index.blobs()) == before
    assert json.dumps([found.blob.id.hex() for found in before])
