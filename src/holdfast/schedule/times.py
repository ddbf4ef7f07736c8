"""When five fields come next, step by step as github.com/robfig/cron v3 reckons (`SpecSchedule.Next`).

Where clocks change, what it does follows from its steps and is written down nowhere: a time that is skipped does not come on
that day, one that is doubled comes twice, and a few zones have oddities of their own. So the steps are the same here, one for
one, and tests compare the results with those of the original.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from holdfast.schedule.fields import Field

_YEARS = 5
"""What does not come in so many years never comes."""
_SECOND, _MINUTE, _HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)


def next_time(fields: Sequence[Field], zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """The first time after `moment`, on the zone's clocks; None if there is none within five years."""
    search = _Search(fields, zone, moment)
    last_year = search.t.year + _YEARS
    while search.t.year <= last_year:
        if search.to_month() and search.to_day() and search.to_hour() and search.to_minute() and search.to_second():
            return search.t
    return None


def fits_day(day: Field, weekday: Field, date: dt.date) -> bool:
    """Cron's old rule: where both fields restrict, a day that fits one of them is enough."""
    fits = (date.day in day.values, date.isoweekday() % 7 in weekday.values)
    return all(fits) if day.star or weekday.star else any(fits)


class _Search:
    """A moment `t` that moves on to what one field after the other allows.

    Each step answers False if it came to the beginning of the next larger field, whose turn it then is again.
    """

    def __init__(self, fields: Sequence[Field], zone: ZoneInfo, moment: dt.datetime) -> None:
        self._minute, self._hour, self._day, self._month, self._weekday = fields
        self._zone = zone
        self._moved = False  # once it has, all that is smaller than the field at hand is at its beginning
        self.t = _plus(moment.replace(microsecond=0), _SECOND).astimezone(zone)

    def to_month(self) -> bool:
        while self.t.month not in self._month.values:
            self._begin(day=1, hour=0, minute=0, second=0)
            self.t = self._a_month_later()
            if self.t.month == 1:
                return False
        return True

    def to_day(self) -> bool:
        while not fits_day(self._day, self._weekday, self.t):
            self._begin(hour=0, minute=0, second=0)
            self.t = self._a_day_later()
            if self.t.day == 1:
                return False
        return True

    def to_hour(self) -> bool:
        while self.t.hour not in self._hour.values:
            self._begin(minute=0, second=0)
            self.t = _plus(self.t, _HOUR)
            if self.t.hour == 0:
                return False
        return True

    def to_minute(self) -> bool:
        while self.t.minute not in self._minute.values:
            if not self._moved:
                self._moved, self.t = True, _plus(self.t, -dt.timedelta(seconds=self.t.astimezone(dt.UTC).second))
            self.t = _plus(self.t, _MINUTE)
            if self.t.minute == 0:
                return False
        return True

    def to_second(self) -> bool:
        while self.t.second:
            self._moved, self.t = True, _plus(self.t, _SECOND)
            if self.t.second == 0:
                return False
        return True

    def _begin(self, **parts: int) -> None:
        if not self._moved:
            self._moved, self.t = True, _on_clocks(self._zone, self._wall.replace(**parts))  # type: ignore[arg-type]

    @property
    def _wall(self) -> dt.datetime:
        return self.t.replace(tzinfo=None)

    def _a_day_later(self) -> dt.datetime:
        later = _on_clocks(self._zone, self._wall + _DAY)
        if later <= self.t:  # the day does not exist, as one of Apia's 2011: the original would go round for ever
            later = _on_clocks(self._zone, self._wall + 2 * _DAY)
        if later.hour:  # there is no midnight on this day, or the clocks went back over it
            later = _plus(later, dt.timedelta(hours=24 - later.hour if later.hour > 12 else -later.hour))
        return later

    def _a_month_later(self) -> dt.datetime:
        months = self.t.year * 12 + self.t.month  # the number of the next month, from 0
        first = self._wall.replace(year=months // 12, month=months % 12 + 1, day=1)
        return _on_clocks(self._zone, first + (self.t.day - 1) * _DAY)


def _plus(t: dt.datetime, time: dt.timedelta) -> dt.datetime:
    """So much later by a stopwatch, whatever clocks do."""
    return (t.astimezone(dt.UTC) + time).astimezone(t.tzinfo)


def _on_clocks(zone: ZoneInfo, wall: dt.datetime) -> dt.datetime:
    """The moment at which the zone's clocks show `wall`. If they never do, or do twice, the one that Go would choose."""
    as_utc = wall.replace(tzinfo=dt.UTC)
    offset = _offset(as_utc, zone)
    if offset:
        offset = _offset(as_utc - offset, zone)
    return (as_utc - offset).astimezone(zone)


def _offset(moment: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()
