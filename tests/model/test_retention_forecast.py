"""What a plan's rules will leave after a long time."""

import datetime as dt
import random
import zoneinfo

import pytest

from holdfast.ids import SnapshotId
from holdfast.model.retention import Candidate, RetentionPolicy, decide
from holdfast.model.retention_forecast import forecast
from holdfast.model.span import Span

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def every(span, count, start=START):
    return [start + number * span for number in range(count)]


def points(times, *, zone=dt.UTC, **rules):
    return [one.candidate.time for one in forecast(times, RetentionPolicy(**rules), zone=zone)]


def one_by_one(times, policy):
    """A run, a forget, a run, a forget …"""
    there = []
    for time in times:
        there.append(Candidate(id=SnapshotId.of(time.isoformat().encode()), time=time))
        there = [one.candidate for one in decide(there, policy, now=time, zone=dt.UTC) if one.keep]
    return sorted((one.time for one in there), reverse=True)


def test_a_year_of_hourly_backups():
    """The figures that docs/retention.md tells."""
    rules = {"keep_hourly": 24, "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12}
    found = forecast(every(HOUR, 365 * 24), RetentionPolicy(**rules), zone=dt.UTC)
    assert len(found) == 43
    newest, oldest = found[0].candidate.time, found[-1].candidate.time
    assert (newest, oldest) == (
        dt.datetime(2026, 12, 31, 23, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 31, 23, tzinfo=dt.UTC),
    )
    assert found[-1].why == ("monthly 12 of 12",)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_forgetting_after_each_run_leaves(seed):
    chance = random.Random(seed)
    names = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
    rules = {name: chance.choice((1, 2, 5, 12)) for name in chance.sample(names, chance.randrange(1, 5))}
    if chance.randrange(3) == 0:
        rules["keep_within"] = Span(days=chance.randrange(1, 20))
    times = every(dt.timedelta(hours=chance.choice((1, 5, 24, 37))), chance.choice((30, 199, 200, 201, 700)))
    assert points(times, **rules) == one_by_one(times, RetentionPolicy(**rules))


def test_days_are_those_of_the_zone():
    times = every(HOUR, 24 * 10)
    berlin = points(times, zone=zoneinfo.ZoneInfo("Europe/Berlin"), keep_daily=3)
    assert [time.hour for time in berlin] == [23, 22, 22]
    assert [time.hour for time in points(times, keep_daily=3)] == [23, 23, 23]


def test_without_times_there_is_nothing_and_without_rules_all_stays():
    assert points([], keep_last=3) == []
    assert len(points(every(HOUR, 500))) == 500
