"""Content-defined chunking: where to cut a long file so that equal stretches become equal chunks.

Two stages. From the shortest length on FastCDC proposes a cut about every 16 KiB; a proposal is taken if a keyed hash of the 64
bytes before it falls into 1 of 64 values. The key is the repository's own, so the sizes of chunks tell a thief of the
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

    def cutter(self) -> Cutter:
        """For one file, whose parts the caller keeps in buffers of its own."""
        return Cutter(self._proposals, self._key)

    def split(self, source: Source) -> Iterator[bytes]:
        """The chunks of a file, in order; none for an empty file. Holds at most two chunks in memory."""
        cutter = self.cutter()
        window = bytearray()
        ended = False
        while not ended:
            block = source.read(MAX_SIZE)
            ended = not block
            window += block
            start = 0
            with memoryview(window) as view:
                for length in cutter.cut(view, is_end=ended):
                    yield bytes(view[start : start + length])
                    start += length
            del window[:start]


class Cutter:
    """Where to cut one file, which comes in parts."""

    def __init__(self, proposals: FastCDC, key: bytes) -> None:
        self._proposals = proposals
        self._key = key
        self._searched = 0  # bytes behind the last cut that are known to hold no other

    def cut(self, content: memoryview, *, is_end: bool) -> list[int]:
        """Lengths of the chunks at the start of `content`, which begins at the last cut and may end anywhere.

        What is left over belongs to a chunk that is not decided yet and must come again at the start of the next call. At the
        end of the file nothing is left over.
        """
        lengths: list[int] = []
        size = len(content)
        start, end = 0, max(self._searched, MIN_SIZE)
        before = end
        while end < size:
            for proposal in self._proposals.cut_buf(content[end:]):
                before, end = end, end + proposal.length
                if end - start >= MAX_SIZE:
                    cut = start + MAX_SIZE
                elif end < size and self._accepts(content[end - _WITNESS : end]):
                    cut = end
                else:
                    continue
                # The next proposals depend on where this cut is, not on where they were going to be.
                lengths.append(cut - start)
                start = cut
                before = end = start + MIN_SIZE
                break
        if is_end and start < size:
            lengths.append(size - start)
        # The last proposal was made by the end of the content, so it is not one.
        self._searched = 0 if is_end else max(0, before - start)
        return lengths

    def _accepts(self, witness: memoryview) -> bool:
        return hashlib.blake2b(witness, key=self._key, digest_size=1).digest()[0] & _MASK == 0
