"""The longest time between two runs."""

from __future__ import annotations

import datetime as dt

import pytest

from holdfast.controller.metrics.intervals import longest_gap

MONDAY = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def first(step, allowed=lambda _: True):
    """`next_after` of a schedule: the first moment after another, in whole steps, that is allowed."""

    def next_after(moment):
        seconds = step.total_seconds()
        found = dt.datetime.fromtimestamp((moment.timestamp() // seconds + 1) * seconds, dt.UTC)
        while not allowed(found):
            found += step
        return found

    return next_after


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        pytest.param(first(dt.timedelta(days=1)), DAY, id="daily"),
        pytest.param(first(dt.timedelta(hours=1)), HOUR, id="hourly"),
        pytest.param(first(dt.timedelta(minutes=1)), MINUTE, id="every minute"),
        pytest.param(
            first(dt.timedelta(minutes=5), lambda t: t.weekday() < 5 and 9 <= t.hour <= 17),
            2 * DAY + 15 * HOUR + 5 * MINUTE,
            id="every 5 minutes in working hours",
        ),
        pytest.param(first(dt.timedelta(days=1), lambda t: t.day <= 7), 25 * DAY, id="the first week of a month"),
        pytest.param(first(dt.timedelta(days=1), lambda t: (t.month, t.day) == (2, 1)), 366 * DAY, id="yearly"),
    ],
)
def test_it_is_that_of_nights_weekends_and_pauses(schedule, seconds):
    assert longest_gap(schedule, MONDAY) == seconds


def test_a_schedule_that_never_comes_or_once_only_has_none():
    assert longest_gap(lambda _: None, MONDAY) is None
    assert longest_gap(lambda moment: MONDAY if moment < MONDAY else None, MONDAY - dt.timedelta(1)) is None
