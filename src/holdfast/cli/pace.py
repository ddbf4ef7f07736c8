"""How far a phase is, how fast it goes, and how long it will take."""

from __future__ import annotations

import math

_MEMORY = 5.0
"""Seconds after which a moment counts for a third of what it did: six sevenths of a rate are the last ten seconds."""

_FIRST_RATE = 1.0
"""Seconds of a phase before which its rates say nothing yet."""


class Pace:
    """One phase. Nothing is measured between two calls of `look`, which must not go back in time."""

    def __init__(self, now: float, total: int | None = None, size: int | None = None) -> None:
        self.total = total  # units, None while unknown
        self.size = size  # bytes, None while unknown
        self.count_done = 0
        self.size_done = 0
        self._started = self._looked = now
        self._count_rate = self._size_rate = 0.0
        self._weight = 0.0  # of all that the rates were made of: they began at 0, which must not count

    def look(self, now: float, count: int, size: int) -> None:
        """`count` units and `size` bytes are done by now."""
        passed = now - self._looked
        if passed > 0:
            kept = math.exp(-passed / _MEMORY)
            self._count_rate = kept * self._count_rate + (1 - kept) * (count - self.count_done) / passed
            self._size_rate = kept * self._size_rate + (1 - kept) * (size - self.size_done) / passed
            self._weight = kept * self._weight + (1 - kept)
            self._looked = now
            self.count_done, self.size_done = count, size

    @property
    def seconds(self) -> float:
        """Since the phase began."""
        return self._looked - self._started

    @property
    def count_rate(self) -> float | None:
        """Units a second; None in the first second."""
        return self._smooth(self._count_rate)

    @property
    def size_rate(self) -> float | None:
        """Bytes a second; None in the first second."""
        return self._smooth(self._size_rate)

    @property
    def fraction(self) -> float | None:
        """0 to 1: of the bytes, else of the units, whichever total is known; else None."""
        done, total, _ = self._measure()
        return min(1.0, done / total) if total else None

    @property
    def seconds_left(self) -> float | None:
        """None while it cannot be known: without a total, without a rate, or past a total that was too low."""
        done, total, rate = self._measure()
        return (total - done) / rate if total and rate and done <= total else None

    def _measure(self) -> tuple[int, int | None, float | None]:
        if self.size:
            return self.size_done, self.size, self.size_rate
        return self.count_done, self.total, self.count_rate

    def _smooth(self, rate: float) -> float | None:
        return rate / self._weight if self.seconds >= _FIRST_RATE else None
