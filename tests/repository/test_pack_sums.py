from itertools import permutations

import pytest

from holdfast.ids import BlobId, PackId
from holdfast.repository.index import Index
from holdfast.repository.pack import BlobType, PackedBlob
from holdfast.repository.pack_sums import PackSums

IDS = [BlobId.of(b"%d" % number) for number in range(5)]
PACK, OTHER = PackId.of(b"pack"), PackId.of(b"other")


def blobs(ids=IDS, blob_type=BlobType.DATA):
    return [PackedBlob(blob_type, one, 40 * number, 40, 8) for number, one in enumerate(ids)]


@pytest.fixture
def index():
    made = Index()
    made.add_pack(PACK, blobs())
    made.add_pack(OTHER, blobs([BlobId.of(b"tree")], BlobType.TREE))
    return made


@pytest.fixture
def looked_up(monkeypatch):
    """The packs whose blobs were looked up one by one."""
    packs, misplaced = [], Index.misplaced
    monkeypatch.setattr(Index, "misplaced", lambda *args: packs.append(args[1]) or misplaced(*args))
    return packs


def test_packs_that_are_as_the_index_says_are_not_looked_up(index, looked_up):
    sums = PackSums(index)
    assert sums.misplaced(PACK, blobs()) == []
    assert sums.misplaced(OTHER, blobs([BlobId.of(b"tree")], BlobType.TREE)) == []
    assert looked_up == []


def test_every_other_order_is_noticed(index):
    sums = PackSums(index)
    for order in permutations(IDS):
        wrong = [blob for blob, expected in zip(blobs(order), blobs(), strict=True) if blob != expected]
        assert sums.misplaced(PACK, blobs(order)) == wrong


@pytest.mark.parametrize("change", [{"offset": 1}, {"length": 41}, {"plain_length": 9}, {"type": BlobType.TREE}])
def test_every_difference_is_noticed(index, change):
    first, *rest = blobs()
    assert PackSums(index).misplaced(PACK, [first._replace(**change), *rest]) == [first._replace(**change)]


def test_what_is_missing_in_the_index_is_noticed(index):
    more = PackedBlob(BlobType.DATA, BlobId.of(b"more"), 200, 40, 8)
    assert PackSums(index).misplaced(PACK, [*blobs(), more]) == [more]
    assert PackSums(index).misplaced(PackId.of(b"unknown"), blobs()) == blobs()


def test_blobs_that_lie_in_two_packs_are_looked_up(index, looked_up):
    third = PackId.of(b"third")
    index.add_pack(third, blobs(IDS[:2]))
    assert PackSums(index).misplaced(third, blobs(IDS[:2])) == []
    assert looked_up == [third]
    assert PackSums(index).misplaced(third, blobs(IDS[1::-1])) == blobs(IDS[1::-1])
