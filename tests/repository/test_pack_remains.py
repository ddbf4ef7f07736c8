"""What can be saved out of a damaged pack: all that the damage did not hit."""

import random

import pytest

from holdfast.codec.crypto import SealingKey
from holdfast.ids import BlobId, PackId
from holdfast.repository.blob import compress_blob, seal_blob
from holdfast.repository.pack import BlobType, PackedBlob, encode_header
from holdfast.repository.pack_remains import examine_pack, read_blob

KEY = SealingKey.random()
CONTENTS = (b"one", b"two" * 500, random.Random(1).randbytes(300), b"")


@pytest.fixture(scope="module")
def pack():
    """(content, blobs, where the header begins)"""
    content, blobs = b"", []
    for plain in CONTENTS:
        sealed = seal_blob(KEY, compress_blob(BlobId.of(plain), plain))
        body = bytes(sealed.body)
        blobs.append(PackedBlob(BlobType.DATA, sealed.id, len(content), len(body), sealed.plain_length))
        content += body
    return content + encode_header(KEY, blobs), blobs, len(content)


def keys(blobs):
    return {(blob.type, blob.id) for blob in blobs}


@pytest.mark.parametrize("is_listed", [True, False])
def test_nothing_is_wrong_with_a_whole_pack(pack, is_listed):
    content, blobs, _ = pack
    remains = examine_pack(KEY, PackId.of(content), content, blobs if is_listed else [])
    assert (remains.fault, remains.lost) == ("", ())
    assert [read_blob(KEY, content, blob) for blob in remains.whole.values()] == list(CONTENTS)


def test_a_flip_of_any_byte_costs_at_most_the_blob_that_it_hits(pack, say):
    content, blobs, header = pack
    lost = 0
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        remains = examine_pack(KEY, PackId.of(content), bytes(flipped), blobs)
        hit = [blob for blob in blobs if blob.offset <= position < blob.offset + blob.length]
        assert remains.fault
        assert set(remains.lost) == keys(hit)
        assert remains.whole.keys() == keys(blobs) - keys(hit)
        lost += len(hit)
    say(f"{len(content)} flips, {lost} blobs lost that they hit, 0 others")
    assert lost == header


def test_a_cut_anywhere_costs_what_was_behind_it(pack):
    content, blobs, _ = pack
    for size in range(len(content)):
        remains = examine_pack(KEY, PackId.of(content), content[:size], blobs)
        assert remains.fault
        assert remains.whole.keys() == keys(blob for blob in blobs if blob.offset + blob.length <= size)


def test_without_an_entry_the_header_is_enough(pack):
    content, blobs, _ = pack
    flipped = bytes([content[0] ^ 1]) + content[1:]
    remains = examine_pack(KEY, PackId.of(content), flipped, [])
    assert set(remains.lost) == keys(blobs[:1])


def test_a_wrong_entry_does_no_harm_beside_a_right_header(pack):
    content, blobs, _ = pack
    wrong = [blob._replace(offset=blob.offset + 1) for blob in blobs]
    remains = examine_pack(KEY, PackId.of(content), content, wrong)
    assert (remains.fault, remains.lost) == ("", ())


def test_nothing_is_known_of_a_pack_without_header_and_entry(pack):
    content, _, header = pack
    remains = examine_pack(KEY, PackId.of(content), content[:header], [])
    assert not remains.is_known


def test_a_pack_that_is_missing_has_lost_everything(pack):
    content, blobs, _ = pack
    remains = examine_pack(KEY, PackId.of(content), b"", blobs)
    assert remains.fault == "the store does not have it"
    assert set(remains.lost) == keys(blobs)
