"""Spans of the calendar as people write them: `30d`, `1y2m5d3h`, restic's spelling."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from holdfast.errors import UsageError

_PART = re.compile(r"(\d{1,5})([ymdh])", re.ASCII)
_EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)
END_OF_TIME = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
"""Near enough to it, with room for every time zone."""


@dataclass(frozen=True, slots=True)
class Span:
    """Years, months and days are those of the calendar, hours are counted."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str, flag: str) -> Span:
        """Any order, each unit at most once. Raises UsageError, which names the flag."""
        found = _PART.findall(text)
        parts = {unit: int(number) for number, unit in found}
        is_whole = "".join(number + unit for number, unit in found) == text
        if not is_whole or len(parts) < len(found) or not any(parts.values()):
            raise UsageError(
                f"{flag} {text!r:.80} is not a length of time",
                why="one is made of numbers with y, m, d or h, each once, and is longer than nothing",
                next="Write it as 30d, 12h or 1y6m.",
            )
        return cls(parts.get("y", 0), parts.get("m", 0), parts.get("d", 0), parts.get("h", 0))

    def __str__(self) -> str:
        parts = ((self.years, "y"), (self.months, "m"), (self.days, "d"), (self.hours, "h"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    def before(self, moment: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
        """The moment so long before, by the calendar of `zone` (None: this machine's)."""
        return self._shifted(moment, zone, -1)

    def after(self, moment: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
        """The moment so long after."""
        return self._shifted(moment, zone, 1)

    def _shifted(self, moment: dt.datetime, zone: dt.tzinfo | None, sign: int) -> dt.datetime:
        """As Go and so restic reckon: a day that a month lacks is counted on into the next month. Ends where calendars end."""
        local = in_zone(moment, zone)
        months = (local.year + sign * self.years) * 12 + local.month - 1 + sign * self.months
        try:
            first = local.replace(year=months // 12, month=months % 12 + 1, day=1, tzinfo=None)
            wall = first + dt.timedelta(days=local.day - 1 + sign * self.days)
            there = (wall.replace(tzinfo=zone) if zone else wall).astimezone(dt.UTC)
            return min(there + sign * dt.timedelta(hours=self.hours), END_OF_TIME)
        except (OverflowError, ValueError):
            return _EARLIEST if sign < 0 else END_OF_TIME


def in_zone(moment: dt.datetime, zone: dt.tzinfo | None) -> dt.datetime:
    """The same moment on the clocks of `zone` (None: this machine's). Where the calendar ends, it stays as it is."""
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return moment
