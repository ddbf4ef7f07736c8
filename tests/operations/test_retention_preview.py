"""What a plan will have when its rules have been at work for long."""

import datetime as dt

from holdfast.model.retention import UNLIMITED, RetentionPolicy
from holdfast.operations.retention_preview import preview
from holdfast.schedule.schedule import Schedule

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def of(schedule, **rules):
    return preview(Schedule.parse(schedule), RetentionPolicy(**rules), NOW)


def test_a_week_of_days_and_a_month_of_weeks():
    found = of("0 2 * * *", keep_daily=7, keep_weekly=4)
    assert (found.days, found.runs) == (400, 400)
    assert 9 <= found.backups <= 11
    assert 14 <= found.oldest_days <= 28
    assert found.widest_gap_hours == 168


def test_all_of_it():
    found = of("0 2 * * 0", keep_last=UNLIMITED)
    assert found.backups == found.runs == 57
    assert found.widest_gap_hours == 168


def test_a_plan_that_runs_often_looks_less_far():
    found = of("* * * * *", keep_last=5)
    assert (found.days, found.runs, found.backups) == (2, 2000, 5)
    assert found.oldest_days == 0


def test_a_schedule_that_does_not_come_in_time():
    assert of("0 0 29 2 *", keep_last=1) is None
