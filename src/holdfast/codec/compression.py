"""zstd frames as restic writes and reads them: no dictionary, no checksum (the encryption authenticates)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator

from holdfast.errors import DamagedData

if sys.version_info >= (3, 14):
    from compression.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
        get_frame_info,
    )
else:
    from backports.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
        get_frame_info,
    )

LEVEL = 2
"""Level 2 gives restic's own ratio (it uses level 3 of another implementation) at twice the speed of level 3 here."""

_WINDOW_LOG_LIMIT = 27
"""128 MiB. restic writes windows of 512 KiB; anything above this limit is an attack on our memory."""

_PART = 1 << 20

_ENCODING: dict[int, int] = {
    CompressionParameter.compression_level: LEVEL,
    CompressionParameter.checksum_flag: 0,
    CompressionParameter.content_size_flag: 1,
}
_DECODING: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG_LIMIT}


class _PerThread(threading.local):
    """A compressor keeps its tables between frames, which makes small blobs twice as fast; it is not thread-safe."""

    def __init__(self) -> None:
        self.compressor = ZstdCompressor(options=_ENCODING)


_local = _PerThread()


def compress(plain: bytes | bytearray | memoryview) -> bytes:
    """One whole zstd frame."""
    return _local.compressor.compress(plain, ZstdCompressor.FLUSH_FRAME)


def compress_parts(parts: Iterable[bytes]) -> bytes:
    """One frame of all parts joined, which are never in memory together. It does not tell its content's size."""
    compressor = ZstdCompressor(options=_ENCODING)
    frame = bytearray()
    for part in parts:
        frame += compressor.compress(part)
    return bytes(frame + compressor.flush())


def decompress(frame: bytes | memoryview, *, limit: int) -> bytes:
    """The frame's content. Raises what `decompressed` raises."""
    return b"".join(decompressed(frame, limit=limit))


def decompressed(frame: bytes | memoryview, *, limit: int) -> Iterator[bytes]:
    """The frame's content in parts of up to 1 MiB, for those who need not have it as a whole.

    Raises DamagedData, maybe after some parts, if `frame` is not exactly one zstd frame or holds more than `limit` bytes:
    a size that a damaged or hostile file claims is never allocated before it is compared with what the caller expects.
    """
    try:
        claimed = get_frame_info(frame).decompressed_size
        if claimed is not None and claimed > limit:
            raise DamagedData(
                "a compressed block is too large", why=f"it claims {claimed} bytes where at most {limit} fit"
            )
        decompressor = ZstdDecompressor(options=_DECODING)
        size, rest, most = 0, frame, min(_PART, limit + 1)
        while not decompressor.eof and (part := decompressor.decompress(rest, max_length=most)):
            size += len(part)
            if size > limit:
                break
            yield part
            rest = b""  # the decompressor has kept what it did not use
    except ZstdError as error:
        raise DamagedData("a block cannot be decompressed", why=str(error)[:120]) from error
    is_whole = decompressor.eof and not decompressor.unused_data and claimed in (None, size)
    if not is_whole or size > limit:
        raise DamagedData(
            "a block cannot be decompressed", why="its compressed frame is cut short or has more behind it"
        )
