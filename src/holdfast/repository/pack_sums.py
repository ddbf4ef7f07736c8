"""Whether packs' headers say what the index says, without looking up every blob: both are summed up and compared.

Only a sum that differs, also because a blob lies in two packs, leads to looking them up.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence

from holdfast.ids import PackId
from holdfast.repository.index import Index, Part
from holdfast.repository.index_segment import SegmentDamaged
from holdfast.repository.pack import BlobType, PackedBlob

_MASK = (1 << 64) - 1
_JOINED = struct.Struct("?32sIII")
"""A place as bytes, because Python's hash of a tuple is too even: sums of swapped places are often the same. That of bytes is a
keyed code, another one in each process.
"""


class PackSums:
    """What the index says of its packs now. Thread-safe. Memory: 8 bytes for each pack."""

    def __init__(self, index: Index) -> None:
        """Goes through the index."""
        self._index = index
        self._sums: dict[Part, array[int]] = {}
        for blob_type in BlobType:
            join, is_tree = _JOINED.pack, blob_type is BlobType.TREE
            part, sums = None, array("Q")
            for owner, (blob_id, pack, offset, length, plain_length) in index.records(blob_type):
                if owner is not part:
                    part, sums = owner, self._sums_of(owner)
                sums[pack] = sums[pack] + hash(join(is_tree, blob_id, offset, length, plain_length)) & _MASK

    def _sums_of(self, part: Part) -> array[int]:
        return self._sums.setdefault(part, array("Q", bytes(8 * part.pack_count)))

    def misplaced(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> list[PackedBlob]:
        """Those of a pack's blobs of which the index does not say that they lie so in it."""
        return [] if self._agrees(pack_id, blobs) else self._index.misplaced(pack_id, blobs)

    def _agrees(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> bool:
        join, tree = _JOINED.pack, BlobType.TREE
        expected = sum([hash(join(blob_type is tree, *place)) for blob_type, *place in blobs]) & _MASK
        try:
            sums = [self._sums[part][number] for part in self._sums for number, _ in part.find_pack(pack_id)]
        except SegmentDamaged:
            return False
        return sums == [expected]
