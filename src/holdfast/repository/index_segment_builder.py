"""Making a segment, from index files or from other segments, in memory that does not grow with it.

Records are dealt out by the first byte of their ids. What comes together for one byte waits in a temporary file as soon as
it is more than 32 KiB; at the end each of the 256 parts is sorted and written, one after another.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Self

from holdfast.ids import DIGEST_SIZE, IndexId, PackId
from holdfast.repository.index_file import IndexFile
from holdfast.repository.index_segment import (
    DIRECTORY_ENTRY,
    HEADER,
    HEADER_CHECKSUM,
    MAGIC,
    NUMBER,
    PACK_ENTRY,
    PACK_RECORD,
    PREFIXES,
    RECORD,
    Segment,
    SegmentDamaged,
    SegmentKey,
    Shape,
    Table,
    checksum,
)
from holdfast.repository.pack import BlobType, packed_size

_WAITING = 32 << 10  # bytes
_RECORDS_A_BUCKET = 10  # at most, on average


class SegmentBuilder:
    """Use in a `with` block, which removes what is unfinished. Every method raises OSError if the disk does not do it."""

    def __init__(self, directory: Path, key: SegmentKey) -> None:
        self._directory = directory
        self._key = key
        self._spill = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed by the with block that this is for
        self._tables = [_Table(self._spill) for _ in Table]
        self._pack_ids = bytearray()
        self.covered: set[IndexId] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spill.close()

    def add(self, index_id: IndexId, index_file: IndexFile) -> None:
        """Takes over an index file. Raises DamagedData, taking nothing, for ids that are none."""
        digests = [_digests([pack.id, *[blob.id for blob in pack.blobs]]) for pack in index_file.packs]
        data, trees, packs = (table.dealers for table in self._tables)
        pack_record = RECORD.pack
        number = len(self._pack_ids) // DIGEST_SIZE
        for pack, ids in zip(index_file.packs, digests, strict=True):
            position = 0
            for blob in pack.blobs:
                position += DIGEST_SIZE
                dealers = data if blob.type is BlobType.DATA else trees
                dealers[ids[position]](
                    pack_record(
                        ids[position : position + DIGEST_SIZE],
                        number,
                        blob.offset,
                        blob.length,
                        blob.uncompressed_length,
                    )
                )
            size = packed_size((blob.length, blob.uncompressed_length) for blob in pack.blobs)
            packs[ids[0]](PACK_RECORD.pack(ids[:DIGEST_SIZE], number, 0, size))
            self._pack_ids += ids[:DIGEST_SIZE]
            number += 1
        for table in self._tables:
            table.collect()
        self.covered.add(index_id)

    def absorb(self, segment: Segment) -> None:
        """Takes over another segment. Its numbers stay as they are if it is the first. Raises SegmentDamaged."""
        first = len(self._pack_ids) // DIGEST_SIZE
        for number in range(segment.pack_count):
            self._pack_ids += segment.pack_id(number)
        for table in Table:
            for prefix in range(PREFIXES):
                content = segment.partition(table, prefix)
                self._tables[table].append(prefix, _renumbered(table, content, first) if first else content)
        self.covered |= segment.covered

    def finish(self) -> Segment:
        """Writes the file under its own name, which says what it covers, and opens it. The builder is used up."""
        covered = sorted(self.covered)
        # Whoever makes a segment of the same index files gives it this name too: the last one stays.
        path = self._directory / segment_name(covered)
        temporary = path.with_name(f"{path.name}-tmp-{os.urandom(8).hex()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                self._write(file, covered)
            segment = Segment(temporary, self._key)  # before others see it, who may delete it
            # Not synced: what a power cut leaves fails its checksums and is made again.
            temporary.replace(path)
        except SegmentDamaged as error:
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
        finally:
            temporary.unlink(missing_ok=True)
        segment.path = path
        return segment

    def _write(self, file: IO[bytes], covered: list[IndexId]) -> None:
        salt = os.urandom(16)
        start = HEADER.size + len(covered) * DIGEST_SIZE + HEADER_CHECKSUM
        file.seek(start)
        file.writelines(_pack_entries(self._pack_ids, self._key.hasher(salt, "pack")))
        shapes = [_write_table(file, self._tables[table], self._key.hasher(salt, table.name)) for table in Table]
        packs = len(self._pack_ids) // DIGEST_SIZE
        header = HEADER.pack(
            MAGIC, file.tell(), self._key.repository, salt, len(covered), packs, start, *chain(*shapes)
        ) + b"".join(covered)
        hasher = self._key.hasher(salt, "header", HEADER_CHECKSUM)
        hasher.update(header)
        file.seek(0)
        file.write(header + hasher.digest())


def segment_name(covered: Iterable[IndexId]) -> str:
    return f"{hashlib.blake2b(b''.join(sorted(covered)), digest_size=16).hexdigest()}.segment"


class _Table:
    """Records on their way into a table, by the first byte of their ids."""

    def __init__(self, spill: IO[bytes]) -> None:
        self.count = 0
        self._spill = spill
        self._dealt: list[list[bytes]] = [[] for _ in range(PREFIXES)]
        self.dealers: list[Callable[[bytes], None]] = [records.append for records in self._dealt]
        self._waiting = [bytearray() for _ in range(PREFIXES)]
        self._spilled: list[list[tuple[int, int]]] = [[] for _ in range(PREFIXES)]

    def collect(self) -> None:
        """Packs what was dealt; call it now and then."""
        for prefix, records in enumerate(self._dealt):
            if records:
                self.append(prefix, b"".join(records))
                records.clear()

    def append(self, prefix: int, records: bytes) -> None:
        waiting = self._waiting[prefix]
        waiting += records
        self.count += len(records) // RECORD.size
        if len(waiting) > _WAITING:
            self._spilled[prefix].append((self._spill.seek(0, os.SEEK_END), len(waiting)))
            self._spill.write(waiting)
            waiting.clear()

    def take(self, prefix: int) -> list[bytes]:
        """All records of one part, sorted."""
        content = bytearray()
        for position, length in self._spilled[prefix]:
            self._spill.seek(position)
            content += self._spill.read(length)
        content += self._waiting[prefix]
        self._waiting[prefix] = bytearray()
        whole = bytes(content)
        return sorted([whole[position : position + RECORD.size] for position in range(0, len(whole), RECORD.size)])


def _write_table(file: IO[bytes], table: _Table, hasher: hashlib.blake2b) -> Shape:
    """Writes one table; returns what the header says of it."""
    start, directory, written = file.tell(), bytearray(), 0
    bits = max(8, (table.count // _RECORDS_A_BUCKET).bit_length())
    buckets = 1 << (bits - 8)
    for prefix in range(PREFIXES):
        records = table.take(prefix)
        content = b"".join(records)
        file.write(content)
        view = memoryview(content)
        low = 0
        for number in range(prefix * buckets, (prefix + 1) * buckets):
            # The first id behind the bucket; of the last bucket in the part, the end, as its bound has 33 bits at 0xff….
            last = number == (prefix + 1) * buckets - 1
            high = len(records) if last else bisect_left(records, NUMBER.pack((number + 1) << (32 - bits)), low)
            found = checksum(hasher, number, view[low * RECORD.size : high * RECORD.size])
            directory += DIRECTORY_ENTRY.pack(written + low, found)
            low = high
        written += len(records)
    directory += NUMBER.pack(written)
    position = file.tell()
    file.write(directory)
    return Shape(start, written, position, bits)


def _pack_entries(pack_ids: bytearray, hasher: hashlib.blake2b) -> Iterator[bytes]:
    for number in range(len(pack_ids) // DIGEST_SIZE):
        pack_id = bytes(pack_ids[number * DIGEST_SIZE : (number + 1) * DIGEST_SIZE])
        yield PACK_ENTRY.pack(pack_id, checksum(hasher, number, pack_id))


def _renumbered(table: Table, content: bytes, first: int) -> bytes:
    """The records with the numbers of their packs counted from `first`."""
    shape = PACK_RECORD if table is Table.PACKS else RECORD
    return b"".join(
        [shape.pack(record_id, first + number, *rest) for record_id, number, *rest in shape.iter_unpack(content)]
    )


def _digests(ids: list[str]) -> bytes:
    """All ids of a pack, joined: parsed in one call. Raises DamagedData as PackId.parse does."""
    try:
        joined = bytes.fromhex("".join(ids))
    except ValueError:
        joined = b""
    if len(joined) != DIGEST_SIZE * len(ids) or {*map(len, ids)} != {2 * DIGEST_SIZE}:
        for one in ids:
            PackId.parse(one)  # names the one that is wrong
    return joined
