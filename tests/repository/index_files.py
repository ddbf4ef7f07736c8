"""Index files with made-up packs, and what an index must say of them, from a model that is only a dictionary."""

import hashlib
import os
from typing import NamedTuple

from holdfast.codec.crypto import SealingKey
from holdfast.ids import BlobId, PackId
from holdfast.repository.index import BlobLocation, save_index
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.pack import BlobType, PackedBlob, pack_size

KEY = SealingKey.random()
REPOSITORY = "ab" * 32


def cache_in(directory, key=KEY, repository=REPOSITORY, note=lambda _: None):
    return IndexCache(directory, note).of_repository(repository, key)


def blob_id(number):
    """The ids of some neighbours begin alike, as they do in a large repository."""
    digest = bytearray(hashlib.sha256(b"%d" % (number // 3)).digest())
    digest[31] = number % 3
    return BlobId(digest)


def some_packs(*numbers, blob_type=BlobType.DATA, per_pack=10):
    """Packs with the blobs of these numbers, no two calls the same."""
    packs = []
    for start in range(0, len(numbers), per_pack):
        offset, blobs = 0, []
        for number in numbers[start : start + per_pack]:
            length = 100 + number
            blobs.append(PackedBlob(blob_type, blob_id(number), offset, length, number % 2 * (length + 50)))
            offset += length
        packs.append((PackId(os.urandom(32)), blobs))
    return packs


class Truth(NamedTuple):
    """What is listed, pack by pack."""

    packs: dict

    @classmethod
    def of(cls, *lists):
        return cls({pack_id: blobs for packs in lists for pack_id, blobs in packs})

    def places(self, lost=()):
        """{(type, id): set of BlobLocations} of all blobs that are not lost."""
        found = {}
        for pack_id, blobs in self.packs.items():
            for blob in blobs if pack_id not in lost else ():
                found.setdefault((blob.type, blob.id), set()).add(BlobLocation(pack_id, blob))
        return found


def assert_is(index, truth, lost=(), unknown=range(1000, 1010)):
    """The index says exactly this."""
    places = truth.places(lost)
    for (blob_type, one), expected in places.items():
        assert index.has(blob_type, one)
        found = [index.find(blob_type, one), *index.copies(blob_type, one)]
        assert len(found) == len(expected)
        assert set(found) == expected
    everything = {(blob.type, blob.id) for blobs in truth.packs.values() for blob in blobs}
    for blob_type in BlobType:
        for absent in (*map(blob_id, unknown), *(one for _, one in everything)):
            assert index.has(blob_type, absent) == ((blob_type, absent) in places)
    listed = list(index.blobs())
    assert {(found.blob.type, found.blob.id) for found in listed} == set(places)
    assert len(listed) == len(places) == len(index)
    sizes = {pack_id: pack_size(blobs) for pack_id, blobs in truth.packs.items()}
    packs = list(index.packs())
    assert len(packs) == len(sizes)
    assert dict(packs) == sizes
    assert all(index.has_pack(pack_id) for pack_id in sizes)
    totals = index.totals()
    assert (totals.blobs, totals.packs, totals.stored_bytes) == (len(places), len(sizes), sum(sizes.values()))
    assert totals.content_bytes == sum(found.blob.content_size for found in listed)


def store_index(store, packs):
    return save_index(store, KEY, packs)
