"""Which blob lies in which pack, and where.

On disk: sealed JSON files, each listing some packs with all their blobs. In memory: one dictionary per blob type from id to
a row number, and the rows in four packed columns – about 190 bytes a blob.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.repository import go_json, sealed
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.pack import BlobType, PackedBlob, pack_size
from holdfast.store.base import Store

FULL_AT = 50_000
"""Blobs after which a writer stores an index file, as restic does."""

_PARALLEL_LOADS = 4


UInt32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class IndexedBlob(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    type: BlobType
    offset: UInt32
    length: UInt32
    uncompressed_length: UInt32 = 0


class IndexedPack(msgspec.Struct, frozen=True):
    id: str
    blobs: list[IndexedBlob]


class IndexFile(msgspec.Struct, frozen=True):
    """What an index file holds. Fields that we do not know (rustic's `packs_to_delete`) are not needed to read."""

    packs: list[IndexedPack] = []


class BlobLocation(NamedTuple):
    pack: PackId
    blob: PackedBlob


class Index:
    """The packs and blobs that index files list. Thread-safe: reading takes no lock, adding does."""

    def __init__(self) -> None:
        self.packs: list[PackId] = []
        self.pack_sizes = array("Q")  # bytes that each pack's file must have, in the order of `packs`
        self.faults: list[DamagedData] = []  # index files that could not be read; their blobs are missing here
        self._adding = threading.Lock()
        self._pack_numbers: dict[PackId, int] = {}
        self._rows: dict[BlobType, dict[bytes, int]] = {BlobType.DATA: {}, BlobType.TREE: {}}
        self._copies: dict[tuple[BlobType, bytes], list[int]] = {}  # further places of the few blobs that have several
        self._pack = array("I")
        self._offset = array("I")
        self._length = array("I")
        self._plain_length = array("I")

    def add_pack(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> None:
        """A blob that is known already keeps its first place; this one is its next. Rows come before what makes them
        visible.
        """
        with self._adding:
            number = self._pack_numbers.get(pack_id)
            if number is None:
                number = self._pack_numbers[pack_id] = len(self.packs)
                self.packs.append(pack_id)
                self.pack_sizes.append(pack_size(blobs))
            for blob in blobs:
                row = len(self._pack)
                self._offset.append(blob.offset)
                self._length.append(blob.length)
                self._plain_length.append(blob.plain_length)
                self._pack.append(number)
                if self._rows[blob.type].setdefault(blob.id, row) != row:
                    self._copies.setdefault((blob.type, blob.id), []).append(row)

    def forget_packs(self, lost: Collection[PackId]) -> None:
        """Takes away what lies in packs that are lost, so that it counts as missing and is stored again."""
        with self._adding:
            numbers = {self._pack_numbers[pack_id] for pack_id in lost}
            for blob_type, rows in self._rows.items():
                for blob_id in [blob_id for blob_id, row in rows.items() if self._pack[row] in numbers]:
                    copies = self._copies.pop((blob_type, blob_id), [])
                    left = [row for row in copies if self._pack[row] not in numbers]
                    if left:
                        rows[blob_id] = left[0]
                    else:
                        del rows[blob_id]

    def __len__(self) -> int:
        """How many different blobs there are."""
        return sum(map(len, self._rows.values()))

    def has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        return blob_id in self._rows[blob_type]

    def find(self, blob_type: BlobType, blob_id: BlobId) -> BlobLocation:
        """Raises DamagedData for a blob that no index lists."""
        row = self._rows[blob_type].get(blob_id)
        if row is None:
            raise DamagedData(
                f"{blob_type.value} blob {blob_id.short} is not in the repository's index",
                why="its index or its pack was lost" if not self.faults else str(self.faults[0]),
            )
        return self._location(blob_type, blob_id, row)

    def copies(self, blob_type: BlobType, blob_id: BlobId) -> Iterator[BlobLocation]:
        """Further places of a blob, for when its first one cannot be read."""
        for row in self._copies.get((blob_type, blob_id), ()):
            yield self._location(blob_type, blob_id, row)

    def blobs(self) -> Iterator[BlobLocation]:
        for blob_type, rows in self._rows.items():
            for blob_id, row in rows.items():
                yield self._location(blob_type, BlobId(blob_id), row)

    def _location(self, blob_type: BlobType, blob_id: BlobId, row: int) -> BlobLocation:
        place = PackedBlob(blob_type, blob_id, self._offset[row], self._length[row], self._plain_length[row])
        return BlobLocation(self.packs[self._pack[row]], place)


def load_index(store: Store, key: SealingKey) -> Index:
    """The whole index. Files that are damaged go to `faults`; one that vanished while listing was superseded."""
    index = Index()
    with ThreadPoolExecutor(_PARALLEL_LOADS) as pool:
        ids = (parse_name(entry.name, IndexId) for entry in store.list(Directory.INDEX.value))
        for outcome in pool.map(lambda index_id: _try_load(store, key, index_id), sorted(i for i in ids if i)):
            if isinstance(outcome, DamagedData):
                index.faults.append(outcome)
            elif outcome is not None:
                for pack_id, blobs in outcome:
                    index.add_pack(pack_id, blobs)
    return index


_Packs = list[tuple[PackId, list[PackedBlob]]]


def _try_load(store: Store, key: SealingKey, index_id: IndexId) -> _Packs | DamagedData | None:
    try:
        index_file = sealed.load(store, key, index_id, IndexFile)
    except FileMissing:
        return None
    except DamagedData as error:
        return error
    try:
        return list(decode_packs(index_file))
    except DamagedData as error:
        return DamagedData(f"{file_name(index_id)} is damaged", why=str(error))


def decode_packs(index_file: IndexFile) -> Iterator[tuple[PackId, list[PackedBlob]]]:
    """Raises DamagedData for ids that are none."""
    for pack in index_file.packs:
        yield (
            PackId.parse(pack.id),
            [
                PackedBlob(blob.type, BlobId.parse(blob.id), blob.offset, blob.length, blob.uncompressed_length)
                for blob in pack.blobs
            ],
        )


def save_index(store: Store, key: SealingKey, packs: Sequence[tuple[PackId, Sequence[PackedBlob]]]) -> IndexId:
    """Stores one index file. All blobs of a pack must be in it: readers take a pack's entry for complete."""
    # Encoded pack by pack: an entry is three times its JSON.
    encoded = [msgspec.Raw(go_json.encode(_indexed(pack_id, blobs))) for pack_id, blobs in packs]
    return sealed.save(store, key, {"packs": encoded}, IndexId)


def _indexed(pack_id: PackId, blobs: Sequence[PackedBlob]) -> IndexedPack:
    return IndexedPack(
        pack_id.hex(), [IndexedBlob(b.id.hex(), b.type, b.offset, b.length, b.plain_length) for b in blobs]
    )
