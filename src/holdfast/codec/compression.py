"""zstd frames as restic writes and reads them: no dictionary, no checksum (the encryption authenticates).

The library is `zstandard`, because its contexts are made once and used again: with the standard library's, which is new for every
frame, making the context of a small blob takes five times as long as opening it (docs/decisions/0016-zstandard.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import zstandard

from holdfast.errors import DamagedData

LEVEL = 2
"""For short content: restic's own ratio (it uses level 3 of another implementation) at less cost than level 3 here."""

_LONG = 256 << 10
_FOR_LONG = zstandard.ZstdCompressionParameters(
    compression_level=LEVEL,
    strategy=zstandard.STRATEGY_DFAST,
    window_log=20,
    hash_log=15,
    chain_log=15,
    min_match=6,
    write_content_size=True,
    write_checksum=False,
)
"""For long content: level 3's strategy with tables that stay in a processor's caches. Nearly level 3's ratio, level 2's speed."""

_LARGEST_WINDOW = 128 << 20
"""restic writes windows of 512 KiB; anything above this limit is an attack on our memory."""

_LARGEST_AT_ONCE = 16 << 20
"""What a frame claims to hold is believed, and memory asked for, up to this size."""

_SLICE = 1 << 10
"""Bytes of a frame that are opened at once where nothing tells how much comes out: 44 MiB at the worst."""

_PART = 256 << 10  # stays in a processor's second cache, where it is hashed next

Buffer = bytes | bytearray | memoryview


class _PerThread(threading.local):
    """Contexts keep their tables between frames; they are not thread-safe."""

    def __init__(self) -> None:
        self.short = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self.long = zstandard.ZstdCompressor(compression_params=_FOR_LONG)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)


_local = _PerThread()


def compress(plain: Buffer) -> bytes:
    """One whole zstd frame."""
    return (_local.short if len(plain) < _LONG else _local.long).compress(plain)


def compress_parts(parts: Iterable[bytes]) -> bytes:
    """One frame of all parts joined, which are never in memory together. It does not tell its content's size."""
    compressor = _local.long.compressobj()
    frame = bytearray()
    for part in parts:
        frame += compressor.compress(part)
    return bytes(frame + compressor.flush())


def decompress(frame: bytes | memoryview, *, limit: int) -> bytes:
    """The frame's content.

    Raises DamagedData if `frame` is not exactly one zstd frame or holds more than `limit` bytes: a size that a damaged or
    hostile file claims is never allocated before it is compared with what the caller expects.
    """
    claimed = _claimed_size(frame, limit)
    if not claimed or claimed > _LARGEST_AT_ONCE:  # of a frame that claims nothing, the library looks at nothing else
        return b"".join(_slice_by_slice(frame, limit, claimed))
    try:
        return _local.decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _damaged(error) from error


class PartDecompressor:
    """For content that need not be in memory as a whole. One frame at a time, in memory of its own."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._part = memoryview(bytearray(_PART))

    def parts(self, frame: bytes | memoryview, *, limit: int) -> Iterator[bytes | memoryview]:
        """The frame's content in parts, each good until the next one is taken.

        Raises DamagedData, maybe after some parts, if the frame is not whole or holds more than `limit` bytes.
        """
        claimed = _claimed_size(frame, limit)
        if claimed is None:
            yield from _slice_by_slice(frame, limit, claimed)
            return
        size = 0
        try:
            with self._context.stream_reader(frame, read_size=max(1, len(frame))) as reader:
                while count := reader.readinto(self._part):
                    size += count
                    yield self._part[:count]
        except zstandard.ZstdError as error:
            raise _damaged(error) from error
        if size != claimed:
            raise _damaged("it is cut short")


def _claimed_size(frame: bytes | memoryview, limit: int) -> int | None:
    """What the frame says of its content's size; None if it says nothing."""
    try:
        claimed = zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise _damaged(error) from error
    if claimed > limit:
        raise DamagedData("a compressed block is too large", why=f"it claims {claimed} bytes where at most {limit} fit")
    return claimed if claimed >= 0 else None


def _slice_by_slice(frame: bytes | memoryview, limit: int, claimed: int | None) -> Iterator[bytes]:
    decompressor = _local.decompressor.decompressobj()
    size, view = 0, memoryview(frame)
    try:
        for start in range(0, len(view), _SLICE):
            if decompressor.eof:
                raise _damaged("there is more behind its frame")
            part = decompressor.decompress(view[start : start + _SLICE])
            size += len(part)
            if size > limit:
                raise DamagedData("a compressed block is too large", why=f"at most {limit} bytes fit")
            yield part
    except zstandard.ZstdError as error:
        raise _damaged(error) from error
    if not decompressor.eof or decompressor.unused_data or claimed not in (None, size):
        raise _damaged("its compressed frame is cut short or has more behind it")


def _damaged(why: object) -> DamagedData:
    return DamagedData("a block cannot be decompressed", why=str(why)[:120])
