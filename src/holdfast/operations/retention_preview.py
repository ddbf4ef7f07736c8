"""How many backups a plan will have when its schedule and its rules have been at work for a year: for people who choose them."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import msgspec

from holdfast.model.retention import RetentionPolicy
from holdfast.model.retention_forecast import forecast
from holdfast.schedule.schedule import Schedule

_HORIZON = dt.timedelta(days=400)
_MOST_RUNS = 2000
"""Of plans that run more often the horizon is shorter, so that a command does not take seconds."""


class RetentionPreview(msgspec.Struct, frozen=True, rename="camel"):
    """If each run makes a good backup."""

    days: int  # from now on
    runs: int  # in that time
    backups: int  # that there are then
    oldest_days: int  # age of the oldest of them
    widest_gap_hours: int  # between two of them


def preview(schedule: Schedule, policy: RetentionPolicy, now: dt.datetime) -> RetentionPreview | None:
    """None for a schedule that does not come in that time."""
    times = [time for time in schedule.next_times(now, _MOST_RUNS) if time - now <= _HORIZON]
    if not times:
        return None
    kept = [decision.candidate.time for decision in forecast(times, policy, zone=schedule.zone)]
    gaps = [newer - older for newer, older in pairwise(kept)]
    return RetentionPreview(
        days=(times[-1] - now).days + 1,
        runs=len(times),
        backups=len(kept),
        oldest_days=(kept[0] - kept[-1]).days if kept else 0,
        widest_gap_hours=round(max(gaps, default=dt.timedelta()) / dt.timedelta(hours=1)),
    )
