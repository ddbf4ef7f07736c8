"""The five fields of cron, read by the rules of github.com/robfig/cron v3 (`ParseStandard`), which Kubernetes uses.

    minute  hour  day of the month  month  day of the week      *  ?  5  1,15  9-17  */10  9-17/2  5/15  jan  mon-fri

Not in it: seconds, years, 7 for Sunday, and the letters L, W and # of other crons. What is odd about it is kept as it is:
`5/15` is `5-59/15`, and what follows the hyphen of `*-3` means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_MOST = 2**63


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one of the five fields may hold."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def all(self) -> frozenset[int]:
        return frozenset(range(self.low, self.high + 1))


def _numbered(names: str, first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), start=first)}


MINUTE = Bounds("minute", 0, 59)
HOUR = Bounds("hour", 0, 23)
DAY = Bounds("day of the month", 1, 31)
MONTH = Bounds("month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1))
WEEKDAY = Bounds("day of the week", 0, 6, _numbered("sun mon tue wed thu fri sat", 0))
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


class FieldError(ValueError):
    """Says in words what is wrong with a field, and in `hint`, perhaps, what to write instead."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Field:
    """The numbers that one field allows. `star` says that it restricts nothing: `*`, `?` and `*/1`, but not `*/2` or `0-6`."""

    bounds: Bounds
    values: frozenset[int]
    star: bool

    @property
    def is_full(self) -> bool:
        return self.values == self.bounds.all

    @classmethod
    def parse(cls, text: str, bounds: Bounds) -> Field:
        """Raises FieldError."""
        values: set[int] = set()
        star = False
        items = [item for item in text.split(",") if item]
        if not items:
            raise FieldError(f"the {bounds.name} is an empty list: {text}")
        for item in items:
            numbers, has_star = _item(item, bounds)
            values.update(numbers)
            star = star or has_star
        return cls(bounds, frozenset(values), star)


def _item(text: str, bounds: Bounds) -> tuple[range, bool]:
    """One item of a list: its numbers, and whether it is a star."""
    span, *steps = text.split("/")
    first, *others = span.split("-")
    is_star = first in ("*", "?")
    if len(steps) > 1:
        raise FieldError(f"the {bounds.name} has more than one slash: {text}")
    if is_star:
        low, high = bounds.low, bounds.high
    else:
        if len(others) > 1:
            raise FieldError(f"the {bounds.name} has more than one hyphen: {text}")
        low = _number(first, bounds)
        high = _number(others[0], bounds) if others else bounds.high if steps else low
    step = _step(steps[0], bounds) if steps else 1
    for number in (low, high):
        if not bounds.low <= number <= bounds.high:
            raise _outside(number, bounds)
    if low > high:
        raise FieldError(
            f"the {bounds.name} goes from {low} down to {high}: {text}",
            f"Write it as two ranges: {low}-{bounds.high},{bounds.low}-{high}.",
        )
    return range(low, high + 1, step), is_star and step == 1


def _number(text: str, bounds: Bounds) -> int:
    named = bounds.names.get(text.lower())
    if named is not None:
        return named
    if not _INTEGER.fullmatch(text) or int(text) >= _MOST:
        words = f" nor one of {', '.join(bounds.names)}" if bounds.names else ""
        raise FieldError(f"the {bounds.name} is {text!r}, which is no number{words}", _other_crons(text, bounds))
    return int(text)


def _step(text: str, bounds: Bounds) -> int:
    if not _INTEGER.fullmatch(text) or not 0 < int(text) < _MOST:
        raise FieldError(f"the step of the {bounds.name} is {text!r}; it must be a number above 0")
    return int(text)


def _outside(number: int, bounds: Bounds) -> FieldError:
    hint = "Sunday is 0, or sun." if bounds is WEEKDAY and number == 7 else ""
    return FieldError(f"the {bounds.name} is {number}, and it goes from {bounds.low} to {bounds.high}", hint)


def _other_crons(text: str, bounds: Bounds) -> str:
    if bounds in (DAY, WEEKDAY) and re.search(r"[LW#]", text.upper()) and re.fullmatch(r"[0-9LW#]+", text.upper()):
        return "Kubernetes does not know L, W and #: name the days by their numbers."
    return ""
