"""The part of an index that is in memory: one dictionary for each blob type from id to a row number, and the rows in four
packed columns – about 200 bytes a blob.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence

from holdfast.ids import PackId
from holdfast.repository.index_segment import BlobRecord
from holdfast.repository.pack import BlobType, PackedBlob, pack_size


class IndexMemory:
    """Packs and their blobs. Thread-safe: reading takes no lock, adding does."""

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self._packs: list[PackId] = []
        self._pack_sizes = array("Q")
        self._pack_numbers: dict[PackId, int] = {}
        self._rows: dict[BlobType, dict[bytes, int]] = {blob_type: {} for blob_type in BlobType}
        self._copies: dict[tuple[BlobType, bytes], list[int]] = {}  # further places of the few blobs that have several
        self._pack = array("I")
        self._offset = array("I")
        self._length = array("I")
        self._plain_length = array("I")
        self._lost: set[int] = set()

    @property
    def pack_count(self) -> int:
        return len(self._packs)

    @property
    def blob_count(self) -> int:
        """Blobs, counted once for each pack that has them."""
        return len(self._pack)

    def add_pack(self, pack_id: PackId, blobs: Sequence[PackedBlob], *, lost: bool) -> None:
        """A blob that is known already keeps its first place; this one is its next. Rows come before what makes them
        visible. A pack that another index file lists too is taken once.
        """
        with self._adding:
            number = self._pack_numbers.get(pack_id)
            is_again = number is not None
            if number is None:
                number = len(self._packs)
                self._packs.append(pack_id)
                self._pack_sizes.append(pack_size(blobs))
                self._pack_numbers[pack_id] = number
            if lost:
                self._lost.add(number)
            for blob in blobs:
                if is_again and self._has_row(blob, number):
                    continue
                row = len(self._pack)
                self._offset.append(blob.offset)
                self._length.append(blob.length)
                self._plain_length.append(blob.plain_length)
                self._pack.append(number)
                if self._rows[blob.type].setdefault(blob.id, row) != row:
                    self._copies.setdefault((blob.type, blob.id), []).append(row)

    def has(self, blob_type: BlobType, blob_id: bytes) -> bool:
        if self._lost:
            return bool(self.places(blob_type, blob_id))
        return blob_id in self._rows[blob_type]

    def places(self, blob_type: BlobType, blob_id: bytes) -> list[BlobRecord]:
        """Where a blob lies, in the order in which its packs came, lost ones left out."""
        rows = self._rows_of(blob_type, blob_id)
        return [self._record(blob_id, row) for row in rows if self._pack[row] not in self._lost]

    def pack_id(self, number: int) -> PackId:
        return self._packs[number]

    def find_pack(self, pack_id: PackId) -> list[tuple[int, int]]:
        """(number, size) of a pack, if it is here."""
        number = self._pack_numbers.get(pack_id)
        return [] if number is None else [(number, self._pack_sizes[number])]

    def lose(self, pack_id: PackId) -> None:
        """Hides what lies in a pack."""
        self._lost.update(number for number, _ in self.find_pack(pack_id))

    def records(self, blob_type: BlobType) -> Iterator[BlobRecord]:
        """The first place of every blob that is in no lost pack, in the order in which they came."""
        for blob_id, row in self._rows[blob_type].items():
            if self._lost:
                yield from self.places(blob_type, blob_id)[:1]
            else:
                yield self._record(blob_id, row)

    def all_records(self, blob_type: BlobType) -> Iterator[BlobRecord]:
        """Every place of every blob that is in no lost pack."""
        for blob_id in self._rows[blob_type]:
            yield from self.places(blob_type, blob_id)

    def numbered_packs(self) -> Iterator[tuple[int, PackId, int]]:
        """Number, id and size of all packs, also lost ones."""
        for number, (pack_id, size) in enumerate(self.packs()):
            yield number, pack_id, size

    def packs(self) -> Iterator[tuple[PackId, int]]:
        """Id and size of all packs, also lost ones, in the order in which they came."""
        yield from zip(self._packs, self._pack_sizes, strict=True)

    def _rows_of(self, blob_type: BlobType, blob_id: bytes) -> Sequence[int]:
        first = self._rows[blob_type].get(blob_id)
        return () if first is None else (first, *self._copies.get((blob_type, blob_id), ()))

    def _has_row(self, blob: PackedBlob, pack: int) -> bool:
        rows = self._rows_of(blob.type, blob.id)
        return any(self._pack[row] == pack and self._offset[row] == blob.offset for row in rows)

    def _record(self, blob_id: bytes, row: int) -> BlobRecord:
        return blob_id, self._pack[row], self._offset[row], self._length[row], self._plain_length[row]
