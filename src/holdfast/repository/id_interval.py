"""A part of all ids: an interval of the ring on which ids lie evenly, because they are hashes."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.ids import Digest

RING = 1_000_000
"""Whole numbers, so that twenty intervals of a twentieth meet exactly."""


def position(one: Digest) -> int:
    """Where an id lies on the ring."""
    return int.from_bytes(one[:8]) * RING >> 64


@dataclass(frozen=True, slots=True)
class IdInterval:
    """`length` from `start` on, in millionths of the ring."""

    start: int
    length: int

    @classmethod
    def of(cls, start: int, fraction: float) -> IdInterval:
        """`fraction` is 0 to 1; as little as a millionth is an interval."""
        return cls(start % RING, max(1, min(RING, round(fraction * RING))))

    @classmethod
    def anywhere(cls, fraction: float) -> IdInterval:
        return cls.of(secrets.randbelow(RING), fraction)

    @classmethod
    def of_day(cls, day: dt.date, fraction: float) -> IdInterval:
        """That of the next day begins where this one ends."""
        length = cls.of(0, fraction).length
        return cls(day.toordinal() * length % RING, length)

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return (self.start + self.length) % RING

    @property
    def is_all(self) -> bool:
        return self.length == RING

    def has(self, one: Digest) -> bool:
        return (position(one) - self.start) % RING < self.length

    def with_one_of(self, ids: Iterable[Digest]) -> IdInterval:
        """The interval, made longer up to the next of these ids if none of them is in it."""
        distance = min(((position(one) - self.start) % RING for one in ids), default=0)
        return self if distance < self.length else IdInterval(self.start, distance + 1)
