"""The longest time between two runs."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from holdfast.controller.metrics.intervals import longest_gap
from holdfast.schedule.schedule import Schedule

MONDAY = dt.date(2026, 11, 23)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("@every 90m", 90 * MINUTE),
        ("* * * * *", MINUTE),
        ("7 * * * *", HOUR),
        ("30 2 * * *", DAY),
        ("0 4,5 * * *", 23 * HOUR),
        ("*/5 9-17 * * 1-5", 2 * DAY + 15 * HOUR + 5 * MINUTE),
        ("0 0 1-7 * *", 25 * DAY),
        ("0 0 1 * *", 31 * DAY),
        ("0 4 1 2 *", 366 * DAY),
        ("0 4 29 2 *", (4 * 365 + 1) * DAY),
        ("0 0 13 * 5", 7 * DAY),
    ],
)
def test_it_is_that_of_nights_weekends_and_pauses(text, seconds):
    assert longest_gap(Schedule.parse(text), MONDAY) == seconds


@pytest.mark.parametrize("text", ["17 3 * * *", "*/20 22-23,4 * * 2,4", "0 6 */10 * *", "5 1 * 1,12 0", "0 12 1 * 1"])
def test_it_is_what_the_runs_of_five_weeks_show(text):
    schedule = Schedule.parse(text)
    runs = schedule.next_times(dt.datetime(2026, 11, 22, 23, 59, 59, tzinfo=dt.UTC), 1000)
    last = dt.datetime(2026, 12, 29, tzinfo=dt.UTC)
    longest = max(later - earlier for earlier, later in pairwise(runs) if later < last)
    assert longest_gap(schedule, MONDAY) == longest.total_seconds()
