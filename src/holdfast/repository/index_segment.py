"""A segment: an immutable file that says where the blobs of some index files lie, looked up without being loaded.

    header ‖ ids of the index files that it covers ‖ checksum (16)
    packs in the order of their numbers: id (32) ‖ checksum (8)
    three tables – data blobs, tree blobs, packs – each:
        records of 48 bytes, sorted: id (32), then pack number, offset, length, plain length (uint32 each)
                                     for a pack: its number, 0 (uint32 each), its size (uint64)
        directory: for each bucket, the number of its first record (uint32) ‖ checksum (8); at the end the count (uint32)

A bucket is the records whose ids begin with the same `bits` bits; `bits` is chosen so that it has 5 to 10. All numbers are
big endian, so that records sort by id, then by the order in which their packs came.

Why checksums, at every look: a wrong entry here would mean lost data. A writer does not store a blob that the index knows,
and a reader finds a blob only where the index says. So no bit of this file is believed unless it carries the code of somebody
who has the repository's key, made for this place in this table of this segment. What fails is thrown away and made anew from the
repository, which stays the only truth.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
import os
import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.codec.crypto import SealingKey
from holdfast.ids import DIGEST_SIZE, Digest, IndexId, PackId
from holdfast.repository.pack import BlobType

MAGIC = b"HFINDEX1"
RECORD = struct.Struct(">32sIIII")
PACK_RECORD = struct.Struct(">32sIIQ")
PACK_ENTRY = struct.Struct(">32s8s")
DIRECTORY_ENTRY = struct.Struct(">I8s")
NUMBER = struct.Struct(">I")
HEADER = struct.Struct(">8sQ32s16sIIQ" + "QQQB" * 3)
"""Magic, bytes of the file, repository, salt, index files, packs, where the packs begin; for each table where its records
begin, how many, where its directory begins, `bits`."""

CHECKSUM = 8
HEADER_CHECKSUM = 16
PREFIXES = 256
"""First bytes of an id. A table has at least as many buckets, so that each prefix is a whole number of them."""

_BUCKET = struct.Struct(">I8sI")  # a directory entry and where the next bucket begins

BlobRecord = tuple[bytes, int, int, int, int]
"""Id, pack number, offset, length, plain length."""


class Table(IntEnum):
    DATA = 0
    TREE = 1
    PACKS = 2


TABLE_OF = {BlobType.DATA: Table.DATA, BlobType.TREE: Table.TREE}


class SegmentDamaged(Exception):
    """A segment is not what was written, or not for this repository. Whoever meets this makes it anew."""

    def __init__(self, segment: Segment | None = None) -> None:
        self.segment = segment
        super().__init__("a segment of the index cache is damaged")


class SegmentKey:
    """What proves segments of one repository: checksums with a key that only those have who can open it."""

    def __init__(self, key: SealingKey, repository_id: str) -> None:
        """Raises DamagedData for an id that is none."""
        self.repository = Digest.parse(repository_id)
        self._secret = hmac.digest(key.encrypt, b"holdfast index cache 1", "sha256")

    def hasher(self, salt: bytes, part: str, size: int = CHECKSUM) -> hashlib.blake2b:
        """For one part of the segment that has this salt: no part passes for another, and no segment for another."""
        return hashlib.blake2b(digest_size=size, key=self._secret, salt=salt, person=part.encode())


def checksum(hasher: hashlib.blake2b, number: int, content: bytes | memoryview) -> bytes:
    """For a bucket, or the id of a pack; `number` is its place, so that no other can be put there."""
    own = hasher.copy()
    own.update(NUMBER.pack(number) + content)
    return own.digest()


class Shape(NamedTuple):
    """Where one table lies in the file."""

    records: int
    size: int  # how many records
    directory: int
    bits: int


class _Header(NamedTuple):
    salt: bytes
    covered: frozenset[IndexId]
    pack_count: int
    packs: int  # where they begin
    tables: list[Shape]


class Segment:
    """Thread-safe. Each method may raise SegmentDamaged. The file may be deleted at any time: its mapping stays."""

    def __init__(self, path: Path, key: SegmentKey) -> None:
        """Opens a file; reads the header only. Raises OSError, SegmentDamaged."""
        self.path = path
        self._content = _mapped(path)
        salt, self.covered, self.pack_count, self._packs, self._shapes = _read_header(self._content, key)
        self._hashers = [key.hasher(salt, table.name) for table in Table]
        self._pack_hasher = key.hasher(salt, "pack")
        # For the shortest way to a bucket: all that a lookup needs of each table.
        self._ways = [
            (32 - shape.bits, shape.directory, shape.records, hasher)
            for shape, hasher in zip(self._shapes, self._hashers, strict=True)
        ]
        self._lost: set[int] = set()

    @property
    def blob_count(self) -> int:
        """Blobs, counted once for each pack that has them."""
        return self._shapes[Table.DATA].size + self._shapes[Table.TREE].size

    def has(self, blob_type: BlobType, blob_id: bytes) -> bool:
        bucket = self._bucket(TABLE_OF[blob_type], blob_id)
        position = bucket.find(blob_id)
        if position < 0:
            return False
        if position % RECORD.size == 0 and not self._lost:
            return True
        return bool(self.places(blob_type, blob_id))

    def places(self, blob_type: BlobType, blob_id: bytes) -> list[BlobRecord]:
        """Where a blob lies, in the order in which its packs came, lost ones left out."""
        records = _records_of(blob_id, self._bucket(TABLE_OF[blob_type], blob_id), RECORD)
        return [record for record in records if record[1] not in self._lost] if self._lost else records

    def pack_id(self, number: int) -> PackId:
        position = self._packs + number * PACK_ENTRY.size
        if number >= self.pack_count:
            raise SegmentDamaged(self)
        pack_id, expected = PACK_ENTRY.unpack_from(self._content, position)
        if checksum(self._pack_hasher, number, pack_id) != expected:
            raise SegmentDamaged(self)
        return PackId(pack_id)

    def find_pack(self, pack_id: PackId) -> list[tuple[int, int]]:
        """(number, size) of a pack: none, or one for each time that an index file lists it."""
        found = _records_of(pack_id, self._bucket(Table.PACKS, pack_id), PACK_RECORD)
        return [(number, size) for _, number, _, size in found]

    def lose(self, pack_id: PackId) -> None:
        """Hides what lies in a pack, for as long as this object lives."""
        self._lost.update(number for number, _ in self.find_pack(pack_id))

    def records(self, blob_type: BlobType, prefix: int) -> list[BlobRecord]:
        """All blobs whose ids begin with the byte `prefix`, sorted, those of lost packs left out."""
        records = list(RECORD.iter_unpack(self.partition(TABLE_OF[blob_type], prefix)))
        return [record for record in records if record[1] not in self._lost] if self._lost else records

    def all_records(self, blob_type: BlobType) -> Iterator[BlobRecord]:
        """Every place of every blob that is in no lost pack."""
        for prefix in range(PREFIXES):
            yield from self.records(blob_type, prefix)

    def numbered_packs(self) -> Iterator[tuple[int, PackId, int]]:
        """Number, id and size of all packs, also lost ones; those that are listed twice come twice."""
        for prefix in range(PREFIXES):
            for pack_id, number, _, size in PACK_RECORD.iter_unpack(self.partition(Table.PACKS, prefix)):
                yield number, PackId(pack_id), size

    def packs(self, prefix: int) -> Iterator[tuple[PackId, int]]:
        """Id and size of all packs whose ids begin with the byte `prefix`, also lost ones."""
        for pack_id, _, _, size in PACK_RECORD.iter_unpack(self.partition(Table.PACKS, prefix)):
            yield PackId(pack_id), size

    def partition(self, table: Table, prefix: int) -> bytes:
        """The records whose ids begin with the byte `prefix`, as they are in the file, each bucket proved."""
        records, _, directory, bits = self._shapes[table]
        hasher = self._hashers[table]
        buckets = 1 << (bits - 8)
        first = prefix * buckets
        begin = directory + first * DIRECTORY_ENTRY.size
        end = begin + buckets * DIRECTORY_ENTRY.size
        entries = list(DIRECTORY_ENTRY.iter_unpack(self._content[begin:end]))
        starts = [start for start, _ in entries] + [NUMBER.unpack_from(self._content, end)[0]]
        low, high = (records + RECORD.size * start for start in (starts[0], starts[-1]))
        content = self._content[low:high]
        view = memoryview(content)
        for number, (start, expected) in enumerate(entries):
            bucket = view[RECORD.size * (start - starts[0]) : RECORD.size * (starts[number + 1] - starts[0])]
            if checksum(hasher, first + number, bucket) != expected:
                raise SegmentDamaged(self)
        self._release(low, high)
        return content

    def _bucket(self, table: Table, wanted: bytes) -> bytes:
        """The records among which an id is, if it is anywhere."""
        shift, directory, records, hasher = self._ways[table]
        number = NUMBER.unpack_from(wanted)[0] >> shift
        start, expected, end = _BUCKET.unpack_from(self._content, directory + number * DIRECTORY_ENTRY.size)
        bucket = self._content[records + RECORD.size * start : records + RECORD.size * end]
        if checksum(hasher, number, bucket) != expected:
            raise SegmentDamaged(self)
        return bucket

    def _release(self, low: int, high: int) -> None:
        """Who goes through all records needs none of them twice: pages of the file stop counting as our memory."""
        low -= low % mmap.PAGESIZE
        if high > low:
            self._content.madvise(mmap.MADV_DONTNEED, low, high - low)


def _mapped(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # an empty file
        raise SegmentDamaged from error
    finally:
        os.close(descriptor)


def _read_header(content: mmap.mmap, key: SegmentKey) -> _Header:
    """Raises SegmentDamaged."""
    if len(content) < HEADER.size:
        raise SegmentDamaged
    magic, size, repository, salt, covered, pack_count, packs, *tables = HEADER.unpack_from(content)
    end = HEADER.size + covered * DIGEST_SIZE
    if (magic, size, repository) != (MAGIC, len(content), key.repository) or size < end + HEADER_CHECKSUM:
        raise SegmentDamaged
    hasher = key.hasher(salt, "header", HEADER_CHECKSUM)
    hasher.update(content[:end])
    if not hmac.compare_digest(hasher.digest(), content[end : end + HEADER_CHECKSUM]):
        raise SegmentDamaged
    ids = (content[position : position + DIGEST_SIZE] for position in range(HEADER.size, end, DIGEST_SIZE))
    shapes = [Shape(*tables[4 * table : 4 * table + 4]) for table in Table]
    return _Header(salt, frozenset(map(IndexId, ids)), pack_count, packs, shapes)


def _records_of(wanted: bytes, bucket: bytes, shape: struct.Struct) -> list[Any]:
    """The records with this id. The same bytes can also stand across two records."""
    records = []
    position = bucket.find(wanted)
    while position >= 0:
        if position % shape.size == 0:
            records.append(shape.unpack_from(bucket, position))
        position = bucket.find(wanted, position + 1)
    return records
