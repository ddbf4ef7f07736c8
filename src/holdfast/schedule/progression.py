"""Numbers that follow one another at equal steps, which are told by their ends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progression:
    first: int
    last: int
    step: int

    @classmethod
    def of(cls, numbers: Sequence[int], *, least: int) -> Progression | None:
        """None for fewer than `least` numbers, and for unequal steps."""
        steps = {later - earlier for earlier, later in itertools.pairwise(numbers)}
        if len(numbers) < least or len(steps) != 1:
            return None
        return cls(numbers[0], numbers[-1], steps.pop())

    def goes_round(self, turn: int) -> bool:
        """Whether the step from the last number to the first of the next turn is the same: 5, 20, 35, 50 of 60."""
        return self.first + turn - self.last == self.step


def monday_first(weekdays: frozenset[int]) -> list[int]:
    """Cron's weekdays as numbers from 1 to 7, so that a weekend is in one piece."""
    return sorted(day or 7 for day in weekdays)
