"""How long a schedule lets pass between two runs, for alerts about plans that are late."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from holdfast.errors import UsageError
from holdfast.schedule.schedule import Schedule

_RUNS = 40
"""Enough to see every gap of a schedule that looks at days of the week, or at the length of months."""
_FROM = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def longest_interval(schedule: str, time_zone: str) -> float | None:
    """Seconds; None for what is no schedule."""
    try:
        times = Schedule.parse(schedule, time_zone).next_times(_FROM, _RUNS)
    except UsageError:
        return None
    return max(((late - early).total_seconds() for early, late in pairwise(times)), default=None)
