"""The ids of an index, numbered, so that what is noted of a blob is a byte in an array and not an object.

Of each id the first 16 bytes are kept, sorted, in one piece of memory; a directory says where those lie whose first bits are the
same. Two blobs that had those 128 bits in common would pass for one; to make them takes as much work as to forge what
protects every stored byte, its authentication code of 128 bits.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from holdfast.ids import DIGEST_SIZE

_KEPT = 16
_IDS_A_BUCKET = 8  # at most, on average
_PREFIXES = 256


class IdNumbers:
    """Not thread-safe. Memory: 17 to 18 bytes an id."""

    def __init__(self, ids: Iterable[bytes]) -> None:
        """Numbers these, each once however often it is given. While they come in, a quarter more memory is needed."""
        parts = [bytearray() for _ in range(_PREFIXES)]
        for one in ids:
            parts[one[0]] += one[:_KEPT]
        bits = max(8, (sum(map(len, parts)) // _KEPT // _IDS_A_BUCKET).bit_length())
        self._shift = 32 - bits
        self._known = bytearray()
        self._starts = array("Q")  # for each bucket the place in `_known` where it begins
        for prefix in range(_PREFIXES):
            self._add_part(prefix, parts[prefix], 1 << (bits - 8))
            parts[prefix] = bytearray()
        self._starts.append(len(self._known))
        self._first_late = len(self._known) // _KEPT
        self._late: dict[bytes, int] = {}

    def _add_part(self, prefix: int, part: bytearray, buckets: int) -> None:
        joined = bytes(part)
        ids = sorted({joined[place : place + _KEPT] for place in range(0, len(joined), _KEPT)})
        start, low = len(self._known), 0
        for bucket in range(prefix * buckets, (prefix + 1) * buckets):
            low = bisect_left(ids, (bucket << self._shift).to_bytes(4), low)
            self._starts.append(start + low * _KEPT)
        self._known += b"".join(ids)

    def __len__(self) -> int:
        return self._first_late + len(self._late)

    def add(self, one: bytes) -> int:
        """The number of an id, which gets the next one if it has none."""
        number = self.find(one)
        return number if number >= 0 else self._late.setdefault(one[:_KEPT], len(self))

    def find(self, one: bytes) -> int:
        """Its number, or -1."""
        return self.find_joined(one)[0]

    def find_joined(self, ids: bytes) -> list[int]:
        """The numbers of ids that are given as one text; -1 for each that has none."""
        firsts = array("I", ids)[:: DIGEST_SIZE // 4]
        if sys.byteorder == "little":
            firsts.byteswap()
        find, starts, shift = self._known.find, self._starts, self._shift
        numbers = []
        for place, first in zip(range(0, len(ids), DIGEST_SIZE), firsts, strict=True):
            bucket = first >> shift
            key = ids[place : place + _KEPT]
            found = find(key, starts[bucket], starts[bucket + 1])
            # Else it is not there, or was found across two ids.
            numbers.append(found // _KEPT if found % _KEPT == 0 else self._find_slowly(key, bucket))
        return numbers

    def _find_slowly(self, key: bytes, bucket: int) -> int:
        found, end = self._starts[bucket], self._starts[bucket + 1]
        while (found := self._known.find(key, found, end)) >= 0:
            if found % _KEPT == 0:
                return found // _KEPT
            found += 1
        return self._late.get(key, -1)
