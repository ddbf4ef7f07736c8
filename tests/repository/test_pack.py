import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sample_repository import write_files

from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId, PackId
from holdfast.repository.layout import file_name
from holdfast.repository.pack import (
    LARGEST_HEADER,
    LENGTH_SIZE,
    BlobType,
    PackedBlob,
    decode_header,
    encode_header,
    header_length,
    pack_size,
    read_header,
)

KEY = SealingKey.random()
LENGTHS = st.integers(OVERHEAD, (1 << 32) - 1)


@st.composite
def packed_blobs(draw):
    blobs, offset = [], 0
    for blob_type, digest, length, plain_length in draw(
        st.lists(
            st.tuples(
                st.sampled_from(BlobType), st.binary(min_size=32, max_size=32), LENGTHS, st.integers(0, 2**32 - 1)
            ),
            max_size=20,
        )
    ):
        blobs.append(PackedBlob(blob_type, BlobId(digest), offset, length, plain_length))
        offset += length
    return blobs


def entry(number, length=OVERHEAD, plain_length=None):
    plain = b"" if plain_length is None else struct.pack("<I", plain_length)
    return struct.pack("<BI", number, length) + plain + bytes(32)


@given(packed_blobs())
def test_a_header_comes_back(blobs):
    tail = encode_header(KEY, blobs)
    length = header_length(tail[-LENGTH_SIZE:], len(tail))
    assert length == len(tail) - LENGTH_SIZE
    assert decode_header(KEY.open(tail[:length])) == blobs


@given(packed_blobs())
def test_a_packs_size_follows_from_its_blobs(blobs):
    assert pack_size(blobs) == sum(blob.length for blob in blobs) + len(encode_header(KEY, blobs))


@pytest.mark.parametrize(
    ("number", "plain_length", "blob_type"),
    [(0, None, BlobType.DATA), (1, None, BlobType.TREE), (2, 7, BlobType.DATA), (3, 7, BlobType.TREE)],
)
def test_entries_are_read_as_the_format_says(number, plain_length, blob_type):
    blob = PackedBlob(blob_type, BlobId(bytes(32)), 0, 100, plain_length or 0)
    assert decode_header(entry(number, 100, plain_length)) == [blob]
    assert KEY.open(encode_header(KEY, [blob])[:-LENGTH_SIZE]) == entry(number, 100, plain_length)


def test_the_length_behind_the_header_is_that_of_the_sealed_header():
    tail = encode_header(KEY, [PackedBlob(BlobType.DATA, BlobId(bytes(32)), 0, 100, 0)])
    assert tail[-4:] == struct.pack("<I", 37 + OVERHEAD)


def test_the_content_size_of_a_blob_is_known_without_reading_it():
    assert PackedBlob(BlobType.DATA, BlobId(bytes(32)), 0, 100, 0).content_size == 100 - OVERHEAD
    assert PackedBlob(BlobType.DATA, BlobId(bytes(32)), 0, 100, 777).content_size == 777


@pytest.mark.parametrize(
    "plain",
    [
        entry(4, 100),
        entry(255, 100),
        entry(0, 100)[:-1],
        entry(2, 100, 7)[:-1],
        entry(0, 100) + b"\0",
        entry(0, OVERHEAD - 1),
        entry(0, 0),
        entry(2, 100, 0),
        entry(3, 100, 0),
    ],
    ids=["type 4", "type 255", "short", "short compressed", "rest", "length", "no length", "empty data", "empty tree"],
)
def test_an_impossible_entry_is_refused(plain):
    with pytest.raises(DamagedData, match="header is damaged"):
        decode_header(plain)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_refused(plain):
    try:
        blobs = decode_header(plain)
    except DamagedData:
        return
    assert KEY.open(encode_header(KEY, blobs)[:-LENGTH_SIZE]) == plain


@pytest.mark.parametrize(
    ("length", "size"),
    [
        (0, 1000),
        (OVERHEAD - 1, 1000),
        (997, 1000),
        (1000, 1000),
        (LARGEST_HEADER + 1, 1 << 30),
        ((1 << 32) - 1, 1 << 40),
    ],
)
def test_an_impossible_length_is_refused(length, size):
    with pytest.raises(DamagedData):
        header_length(struct.pack("<I", length), size)


@pytest.mark.parametrize(("length", "size"), [(OVERHEAD, 36), (996, 1000), (LARGEST_HEADER, 1 << 30)])
def test_a_possible_length_is_taken(length, size):
    assert header_length(struct.pack("<I", length), size) == length


def test_a_stored_packs_header_agrees_with_the_index(repository):
    write_files(repository)
    for pack_id, size in repository.index.packs():
        blobs = read_header(repository.store, repository.key, pack_id, size)
        assert pack_size(blobs) == size
        assert all(repository.index.find(blob.type, blob.id) == (pack_id, blob) for blob in blobs)


@pytest.mark.parametrize("content", [b"", b"1234", bytes(36), b"\xff" * 100])
def test_a_file_that_is_no_pack_is_refused(store, content):
    pack_id = PackId.of(content)
    store.put(file_name(pack_id), [content])
    with pytest.raises(DamagedData):
        read_header(store, KEY, pack_id, len(content))


def test_data_and_trees_never_share_a_pack(repository):
    write_files(repository)
    types = [
        {blob.type for blob in read_header(repository.store, repository.key, pack_id, size)}
        for pack_id, size in repository.index.packs()
    ]
    assert sorted(types, key=str) == [{BlobType.DATA}, {BlobType.TREE}]
