"""What is still whole in a pack that may be damaged. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId, PackId
from holdfast.repository.blob import open_blob
from holdfast.repository.pack import BlobType, PackedBlob, decode_header, open_header

BlobKey = tuple[BlobType, BlobId]


@dataclass(frozen=True, slots=True)
class PackRemains:
    fault: str  # what is wrong with the pack, "" if nothing is
    whole: dict[BlobKey, PackedBlob] = field(default_factory=dict)  # proved, and where
    lost: tuple[BlobKey, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything tells what is in the pack."""
        return bool(self.whole or self.lost)


def examine_pack(key: SealingKey, pack_id: PackId, content: bytes, listed: Iterable[PackedBlob]) -> PackRemains:
    """Tries every place where the pack's header or the index, which is `listed`, say that a blob lies."""
    contained, fault = _header(key, content)
    if not content:
        fault = "the store does not have it"
    elif PackId.of(content) != pack_id:
        fault = fault or "bytes were changed after it was written"
    whole: dict[BlobKey, PackedBlob] = {}
    faults: dict[BlobKey, str] = {}
    for blob in dict.fromkeys((*contained, *listed)):
        try:
            read_blob(key, content, blob)
        except DamagedData as error:
            faults[blob.type, blob.id] = str(error)
        else:
            whole[blob.type, blob.id] = blob
    lost = tuple(one for one in faults if one not in whole)
    return PackRemains(fault or (faults[lost[0]] if lost else ""), whole, lost)


def read_blob(key: SealingKey, content: bytes, blob: PackedBlob) -> bytes:
    """A blob's content out of a whole pack's. Raises DamagedData."""
    sealed = memoryview(content)[blob.offset : blob.offset + blob.length]
    return open_blob(key, blob.id, sealed, blob.plain_length)


def _header(key: SealingKey, content: bytes) -> tuple[list[PackedBlob], str]:
    """The blobs that the pack's header lists, or none and why."""
    try:
        return decode_header(open_header(key, content)), ""
    except DamagedData as error:
        return [], str(error)
