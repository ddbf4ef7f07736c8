"""How far apart the runs of a schedule are at most, which says when a plan is late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise

from holdfast.schedule.schedule import Schedule
from holdfast.schedule.times import fits_day

_HORIZON = 35  # days
"""Shows every weekday and every day of a month, so the nights, weekends and weeks in which a schedule rests."""
_LEAST = 4
"""Days with runs that are looked at, whatever the horizon: a yearly plan has fewer within it."""
_LONGEST = 16 * 366  # days
"""In which 29 February comes often enough."""
_DAY = 24 * 60  # minutes


def longest_gap(schedule: Schedule, start: dt.date) -> float | None:
    """Seconds between two runs that follow each other after `start`; None if there are no two.

    Reckoned by days instead of run by run, because a thousand plans have as many schedules. Changes of clocks are left out.
    """
    if schedule.interval is not None:
        return schedule.interval.total_seconds()
    minutes, hours = schedule.fields[0].values, schedule.fields[1].values
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    by_day = max((later - earlier for earlier, later in pairwise(times)), default=0)
    days = max((later - earlier for earlier, later in pairwise(_days(schedule, start))), default=None)
    if days is None:
        return None
    return 60.0 * max(by_day, days.days * _DAY + times[0] - times[-1])


def _days(schedule: Schedule, start: dt.date) -> Iterator[dt.date]:
    """Those with runs, as far as the first one after the horizon."""
    _, _, of_month, month, weekday = schedule.fields
    found = 0
    for number in range(_LONGEST):
        day = start + dt.timedelta(days=number)
        if day.month in month.values and fits_day(of_month, weekday, day):
            found += 1
            yield day
            if found >= _LEAST and number > _HORIZON:
                return
