"""How far apart the runs of a schedule are at most, which says when a plan is late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

_HORIZON = dt.timedelta(days=35)
"""Shows every weekday and every day of a month, so the nights, weekends and weeks in which a schedule rests."""
_LEAST, _MOST = 3, 3000
"""Runs that are looked at, whatever the horizon: a yearly plan has fewer within it, one of each minute more."""


def longest_gap(next_after: Callable[[dt.datetime], dt.datetime | None], start: dt.datetime) -> float | None:
    """Seconds between two runs that follow each other after `start`; None if there are no two."""
    longest = None
    before = next_after(start)
    for count in range(_MOST):
        if before is None or (count >= _LEAST and before - start > _HORIZON):
            break
        following = next_after(before)
        if following is not None:
            longest = max(longest or 0.0, (following - before).total_seconds())
        before = following
    return longest
