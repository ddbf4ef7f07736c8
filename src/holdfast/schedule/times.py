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


def next_time(fields: Sequence[Field], zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """The first time after `moment`, on the zone's clocks; None if there is none within five years."""
    minute, hour, day, month, weekday = fields
    either_day = not (day.star or weekday.star)
    t = (moment.astimezone(dt.UTC).replace(microsecond=0) + _SECOND).astimezone(zone)
    begun = False  # whether all that is smaller than the field at hand was set to its beginning
    last_year = t.year + _YEARS
    while t.year <= last_year:
        wrapped = False
        while t.month not in month.values and not wrapped:
            if not begun:
                begun, t = True, _date(zone, dt.datetime(t.year, t.month, 1))
            t = _a_month_later(zone, t)
            wrapped = t.month == 1
        while not wrapped and not _is_day(t, day, weekday, either_day):
            if not begun:
                begun, t = True, _date(zone, dt.datetime(t.year, t.month, t.day))
            t = _date(zone, t.replace(tzinfo=None) + dt.timedelta(days=1))
            if t.hour:  # there is no midnight on this day, or the clocks were set back over it
                t = _plus(t, dt.timedelta(hours=24 - t.hour if t.hour > 12 else -t.hour))
            wrapped = t.day == 1
        while not wrapped and t.hour not in hour.values:
            if not begun:
                begun, t = True, _date(zone, dt.datetime(t.year, t.month, t.day, t.hour))
            t = _plus(t, _HOUR)
            wrapped = t.hour == 0
        while not wrapped and t.minute not in minute.values:
            if not begun:
                begun, t = True, t.astimezone(dt.UTC).replace(second=0).astimezone(zone)
            t = _plus(t, _MINUTE)
            wrapped = t.minute == 0
        while not wrapped and t.second:
            begun, t = True, _plus(t, _SECOND)
            wrapped = t.second == 0
        if not wrapped:
            return t
    return None


def _is_day(t: dt.datetime, day: Field, weekday: Field, either_day: bool) -> bool:
    """Cron's old rule: where both fields restrict, a day that fits one of them is enough."""
    fits = (t.day in day.values, t.isoweekday() % 7 in weekday.values)
    return any(fits) if either_day else all(fits)


def _plus(t: dt.datetime, time: dt.timedelta) -> dt.datetime:
    """So much later by a stopwatch, whatever clocks do."""
    return (t.astimezone(dt.UTC) + time).astimezone(t.tzinfo)


def _a_month_later(zone: ZoneInfo, t: dt.datetime) -> dt.datetime:
    months = t.year * 12 + t.month  # the number of the next month, from 0
    first = dt.datetime.combine(dt.date(months // 12, months % 12 + 1, 1), t.time())
    return _date(zone, first + dt.timedelta(days=t.day - 1))


def _date(zone: ZoneInfo, wall: dt.datetime) -> dt.datetime:
    """The moment at which the zone's clocks show `wall`. If they never do, or do twice, one of the two that Go would choose."""
    as_utc = wall.replace(tzinfo=dt.UTC)
    offset = _offset(as_utc, zone)
    if offset:
        offset = _offset(as_utc - offset, zone)
    return (as_utc - offset).astimezone(zone)


def _offset(moment: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()
