"""Content-defined chunking: where to cut a long file so that equal stretches become equal chunks.

Two stages. FastCDC proposes a cut about every 16 KiB; a proposal is taken if a keyed hash of the 64 bytes before it falls
into 1 of 64 values and the chunk is long enough. The key is the repository's own, so the sizes of chunks tell a thief of the
encrypted files nothing about known contents (the attack on restic's and Borg's chunkers: "Breaking and Fixing
Content-Defined Chunking", CCS 2025; the cure is the paper's: hash, then a pseudo-random function).

Cuts depend on the content since the last cut and on the key, never on how the file was read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Protocol

# From the compiled part itself: the package would fall back to pure Python, a hundred times slower, with only a warning.
from pyfastcdc.cy import FastCDC

from holdfast.codec.crypto import SealingKey

MIN_SIZE = 512 << 10
MAX_SIZE = 8 << 20
_PROPOSAL_SIZE = 16 << 10
_PROPOSAL_MIN = 256
_PROPOSAL_MAX = 1 << 20
_WITNESS = 64  # bytes before a proposed cut that decide about it
_MASK = 64 - 1  # one proposal in 64 is taken: 512 KiB + 64 · 16 KiB, about 1.5 MiB on average


class Source(Protocol):
    """What is cut: an open file, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class Chunker:
    """Cuts files for one repository. Thread-safe."""

    def __init__(self, key: SealingKey) -> None:
        # A key of its own: what chunk sizes leak must not touch the keys that encrypt.
        self._key = hmac.digest(key.encrypt, b"holdfast chunker 1", "sha256")
        self._proposals = FastCDC(_PROPOSAL_SIZE, min_size=_PROPOSAL_MIN, max_size=_PROPOSAL_MAX, normalized_chunking=0)

    def split(self, source: Source) -> Iterator[bytes]:
        """The chunks of a file, in order; none for an empty file. Holds at most two chunks in memory."""
        window = bytearray()
        ended = False
        while True:
            while not ended and len(window) < MAX_SIZE:
                block = source.read(MAX_SIZE - len(window))
                ended = not block
                window += block
            if not window:
                return
            length = self._first_cut(window)
            yield bytes(memoryview(window)[:length])
            del window[:length]

    def _first_cut(self, window: bytearray) -> int:
        """Length of the first chunk in `window`, which holds MAX_SIZE bytes or all that is left of the file."""
        size = len(window)
        if size <= MIN_SIZE:
            return size
        view = memoryview(window)
        end: int = 0
        for proposal in self._proposals.cut_buf(view):
            end += proposal.length
            if end >= MIN_SIZE and end < size:
                witness = view[end - _WITNESS : end]
                if hashlib.blake2b(witness, key=self._key, digest_size=1).digest()[0] & _MASK == 0:
                    return end
        return size
