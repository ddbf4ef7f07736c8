"""Whether a pack is what was written.

Its content matches its name, its header lists it from the first byte to the last, and every blob decrypts, decompresses and
hashes to its id.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import PackId
from holdfast.repository.blob import Opener, open_blobs
from holdfast.repository.pack import LENGTH_SIZE, PackedBlob, decode_header, open_header

_LONG = 256 << 10
"""A blob with more content is opened part by part; shorter ones together."""

_TOGETHER = 256 << 10
"""Bytes of content of short blobs that are in memory at once."""


class Examined(NamedTuple):
    """What was found out about one pack."""

    faults: list[DamagedData]
    header: bytes  # opened; empty if it cannot be
    decoded: Sequence[PackedBlob] | None = None  # the header's entries, where they are at hand

    def blobs(self) -> Sequence[PackedBlob]:
        """What the header lists."""
        return decode_header(self.header) if self.decoded is None else self.decoded


class PackExaminer:
    """Thread-safe. Memory: that of the longest blob, for each thread."""

    def __init__(self, key: SealingKey) -> None:
        self._key = key
        self._own = threading.local()

    def examine(self, pack_id: PackId, content: bytes | memoryview) -> Examined:
        view = memoryview(content)
        faults: list[DamagedData] = []
        if PackId.of(view) != pack_id:
            faults.append(
                DamagedData("its content does not match its name", why="bytes were changed after it was written")
            )
        try:
            header = open_header(self._key, view)
            blobs = decode_header(header)
        except DamagedData as error:
            return Examined([*faults, error], b"")
        faults += self._blob_faults(blobs, view)
        end = blobs[-1].offset + blobs[-1].length if blobs else 0
        if end != len(view) - LENGTH_SIZE - OVERHEAD - len(header):
            faults.append(DamagedData("its header does not cover its content", why=f"{end} bytes of blobs are listed"))
        return Examined(faults, header, blobs)

    def _blob_faults(self, blobs: Iterable[PackedBlob], content: memoryview) -> Iterator[DamagedData]:
        waiting: list[PackedBlob] = []
        size = 0
        for blob in blobs:
            content_size = blob.plain_length or blob.length
            if content_size > _LONG:
                yield from self._long_blob_faults(blob, content)
                continue
            waiting.append(blob)
            size += content_size
            if size > _TOGETHER:
                yield from self._short_blob_faults(waiting, content)
                waiting, size = [], 0
        yield from self._short_blob_faults(waiting, content)

    def _short_blob_faults(self, blobs: list[PackedBlob], content: memoryview) -> Iterator[DamagedData]:
        sealed = [(blob.id, content[blob.offset : blob.offset + blob.length], blob.plain_length) for blob in blobs]
        for opened in open_blobs(self._key, sealed):
            if isinstance(opened, DamagedData):
                yield opened

    def _long_blob_faults(self, blob: PackedBlob, content: memoryview) -> Iterator[DamagedData]:
        opener: Opener | None = getattr(self._own, "opener", None)
        if opener is None:
            opener = self._own.opener = Opener(self._key, _LONG)
        try:
            for _ in opener.open(blob.id, content[blob.offset : blob.offset + blob.length], blob.plain_length):
                pass
        except DamagedData as error:
            yield error
