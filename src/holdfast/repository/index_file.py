"""Index files: sealed JSON, each listing some packs with all their blobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.repository import go_json, sealed
from holdfast.repository.ahead import ahead
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.pack import BlobType, PackedBlob
from holdfast.repository.snapshot import parse_time
from holdfast.store.base import Store

FULL_AT = 50_000
"""Blobs after which a writer stores an index file, as restic does."""

_LOADED_AHEAD = 1
"""Files that are fetched and decoded while one is used: 25 MB each. More would wait for the interpreter, not the store."""


UInt32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


# Not looked at by the garbage collector, which takes a third of the decoding otherwise: neither can be part of a cycle.
class IndexedBlob(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    id: str
    type: BlobType
    offset: UInt32
    length: UInt32
    uncompressed_length: UInt32 = 0


class IndexedPack(msgspec.Struct, frozen=True, gc=False):
    id: str
    blobs: list[IndexedBlob]


class Mark(msgspec.Struct, frozen=True):
    """A pack that nothing needed when prune looked. Its blobs stay listed, and restic, which does not read marks, may still
    use them; our own writers do not, so that the pack can be removed once all is over that began before the mark.
    """

    pack: str
    time: str  # RFC 3339, when it was first marked


class IndexFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an index file holds. Fields that we do not know (rustic's `packs_to_delete`) are not needed to read."""

    packs: list[IndexedPack] = []
    marks: list[Mark] = msgspec.field(default_factory=list, name="holdfast_marks")

    def blob_count(self) -> int:
        return sum(len(pack.blobs) for pack in self.packs)


def list_index_files(store: Store) -> list[IndexId]:
    listed = (parse_name(entry.name, IndexId) for entry in store.list(Directory.INDEX.value))
    return sorted(index_id for index_id in listed if index_id is not None)


def load_index_files(
    store: Store, key: SealingKey, index_ids: Iterable[IndexId]
) -> Iterator[tuple[IndexId, IndexFile | DamagedData]]:
    """The files in the order of `index_ids`; a damaged one comes as its error. One that vanished was superseded: it is
    left out. A few are loaded ahead, never all.
    """
    with ThreadPoolExecutor(_LOADED_AHEAD, thread_name_prefix="holdfast-index") as pool:
        for index_id, loaded in ahead(pool, partial(_try_load, store, key), index_ids, _LOADED_AHEAD):
            if loaded is not None:
                yield index_id, loaded


def _try_load(store: Store, key: SealingKey, index_id: IndexId) -> tuple[IndexId, IndexFile | DamagedData | None]:
    try:
        return index_id, sealed.load(store, key, index_id, IndexFile)
    except FileMissing:
        return index_id, None
    except DamagedData as error:
        return index_id, error


def of_file(index_id: IndexId, error: DamagedData) -> DamagedData:
    """A fault in what an index file says, as a fault of the file."""
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


def decode_marks(index_file: IndexFile) -> Iterator[tuple[PackId, dt.datetime]]:
    """Raises DamagedData for ids and times that are none."""
    for mark in index_file.marks:
        yield PackId.parse(mark.pack), parse_time(mark.time)


def save_marks(store: Store, key: SealingKey, marks: Mapping[PackId, dt.datetime]) -> IndexId:
    """Stores an index file that has nothing but marks."""
    listed = [Mark(pack_id.hex(), time.isoformat()) for pack_id, time in sorted(marks.items())]
    return sealed.save(store, key, {"packs": [], "holdfast_marks": listed}, IndexId)


def save_index(store: Store, key: SealingKey, packs: Sequence[tuple[PackId, Sequence[PackedBlob]]]) -> IndexId:
    """Stores one index file. All blobs of a pack must be in it: readers take a pack's entry for complete."""
    # Encoded pack by pack: an entry is three times its JSON.
    encoded = [msgspec.Raw(go_json.encode(_indexed(pack_id, blobs))) for pack_id, blobs in packs]
    return sealed.save(store, key, {"packs": encoded}, IndexId)


def _indexed(pack_id: PackId, blobs: Sequence[PackedBlob]) -> IndexedPack:
    return IndexedPack(
        pack_id.hex(), [IndexedBlob(b.id.hex(), b.type, b.offset, b.length, b.plain_length) for b in blobs]
    )
