"""Pack files: many encrypted blobs, then an encrypted header that lists them.

`blob 1 ‖ … ‖ blob N ‖ header ‖ length of the encrypted header (uint32, little endian)`. A header entry is
`type (1) ‖ encrypted length (uint32) [‖ plain length (uint32) if compressed] ‖ id (32)`; offsets follow from the order.
Source: restic's doc/design.rst, "Pack Format". Data and tree blobs never share a pack.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId, PackId
from holdfast.repository.layout import file_name
from holdfast.store.base import Store

LENGTH_SIZE = 4
LARGEST_HEADER = 16 << 20
LARGEST_BLOB = (1 << 32) - 1


class BlobType(StrEnum):
    """The values are the words that index files use."""

    DATA = "data"
    TREE = "tree"


class PackedBlob(NamedTuple):
    """One blob's place in a pack."""

    type: BlobType
    id: BlobId
    offset: int
    length: int  # bytes in the pack, encrypted
    plain_length: int  # bytes after decompression; 0 for a blob that is stored uncompressed

    @property
    def content_size(self) -> int:
        """Bytes of the blob's content."""
        return content_bytes(self.length, self.plain_length)


def content_bytes(length: int, plain_length: int) -> int:
    """Bytes of content of a blob with these lengths."""
    return plain_length or length - OVERHEAD


_PLAIN_ENTRY = struct.Struct("<BI32s")
_COMPRESSED_ENTRY = struct.Struct("<BII32s")
_LENGTH = struct.Struct("<I")
_TYPES = (BlobType.DATA, BlobType.TREE, BlobType.DATA, BlobType.TREE)
_FIRST_COMPRESSED = 2
_PACK_OVERHEAD = OVERHEAD + LENGTH_SIZE


def pack_size(blobs: Iterable[PackedBlob]) -> int:
    """Bytes of the pack file that holds exactly these blobs."""
    return packed_size((blob.length, blob.plain_length) for blob in blobs)


def packed_size(lengths: Iterable[tuple[int, int]]) -> int:
    """The same from the (length, plain length) of each blob."""
    plain, compressed = _PLAIN_ENTRY.size, _COMPRESSED_ENTRY.size
    return sum([length + (compressed if plain_length else plain) for length, plain_length in lengths]) + _PACK_OVERHEAD


def encode_header(key: SealingKey, blobs: Iterable[PackedBlob]) -> bytes:
    """The sealed header and its length: what follows the blobs."""
    entries = []
    for blob in blobs:
        number = 1 if blob.type is BlobType.TREE else 0
        if blob.plain_length:
            entries.append(_COMPRESSED_ENTRY.pack(number + _FIRST_COMPRESSED, blob.length, blob.plain_length, blob.id))
        else:
            entries.append(_PLAIN_ENTRY.pack(number, blob.length, blob.id))
    sealed = key.seal(b"".join(entries))
    return sealed + _LENGTH.pack(len(sealed))


def decode_header(plain: bytes) -> list[PackedBlob]:
    """The entries of an opened header. Raises DamagedData."""
    blobs: list[PackedBlob] = []
    position = offset = 0
    while position < len(plain):
        number = plain[position]
        shape = _COMPRESSED_ENTRY if number >= _FIRST_COMPRESSED else _PLAIN_ENTRY
        end = position + shape.size
        if number >= len(_TYPES) or end > len(plain):
            raise DamagedData("a pack's header is damaged", why=f"no valid entry at byte {position}")
        if number >= _FIRST_COMPRESSED:
            _, length, plain_length, digest = _COMPRESSED_ENTRY.unpack_from(plain, position)
        else:
            _, length, digest = _PLAIN_ENTRY.unpack_from(plain, position)
            plain_length = 0
        if length < OVERHEAD or (number >= _FIRST_COMPRESSED and not plain_length):
            raise DamagedData("a pack's header is damaged", why=f"impossible lengths at byte {position}")
        blobs.append(PackedBlob._make((_TYPES[number], BlobId(digest), offset, length, plain_length)))
        position = end
        offset += length
    return blobs


def header_length(tail: bytes | memoryview, size: int) -> int:
    """Bytes of the sealed header, from the last 4 bytes of a pack of `size` bytes. Raises DamagedData."""
    length: int = _LENGTH.unpack(tail)[0] if len(tail) == LENGTH_SIZE else 0
    if not OVERHEAD <= length <= min(LARGEST_HEADER, size - LENGTH_SIZE):
        raise DamagedData(
            "a pack's header is damaged", why=f"its length is given as {length} in a file of {size} bytes"
        )
    return length


def open_header(key: SealingKey, content: bytes | memoryview) -> bytes:
    """The opened header of a whole pack, for `decode_header`. Raises DamagedData."""
    view = memoryview(content)
    length = header_length(view[-LENGTH_SIZE:], len(view))
    return key.open(view[-LENGTH_SIZE - length : -LENGTH_SIZE])


def read_header(store: Store, key: SealingKey, pack_id: PackId, size: int) -> list[PackedBlob]:
    """The blobs of a stored pack of `size` bytes, from its own header. Raises FileMissing, DamagedData."""
    name = file_name(pack_id)
    if size < LENGTH_SIZE + OVERHEAD:
        raise DamagedData(f"pack {pack_id.short} is damaged", why=f"a file of {size} bytes holds no header")
    length = header_length(store.get_range(name, -LENGTH_SIZE, LENGTH_SIZE), size)
    sealed = store.get_range(name, size - LENGTH_SIZE - length, length)
    return decode_header(key.open(sealed))
