"""What a schedule's text becomes, when it comes, and how it is refused."""

import datetime as dt
import functools
import itertools
import re
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.schedule.schedule import Schedule
from holdfast.schedule.spreading import PRESETS

NOW = dt.datetime(2026, 11, 26, 12, 0, 30, tzinfo=dt.UTC)


def shown(times):
    return [f"{time:%a %Y-%m-%d %H:%M %z}" for time in times]


# ---- presets and spreading -------------------------------------------------------------------------------------------


def test_a_preset_becomes_five_fields_with_a_time_of_the_plan_s_own():
    first, again, other = (
        Schedule.parse("daily", key=key).cron for key in ("shop/nightly", "shop/nightly", "blog/nightly")
    )
    assert first == again == "57 6 * * *"
    assert other != first


@pytest.mark.parametrize(
    ("text", "days"), [("hourly", "* * *"), ("daily", "* * *"), ("weekly", "* * mon"), ("monthly", "1 * *")]
)
def test_presets(text, days):
    assert Schedule.parse(text, key="a/b").cron.split(maxsplit=2)[2] == days


def test_plans_are_spread_over_the_whole_hour():
    minutes = {Schedule.parse("H 2 * * *", key=f"team-{number}/nightly").cron for number in range(1000)}
    assert len(minutes) == 60


@functools.cache
def changes_of_clocks():
    """zone → the moments at which its clocks change in three years, to the quarter of an hour; one zone of those that agree."""
    quarters = [dt.timedelta(minutes=15 * number) for number in range(97)]
    days = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=number) for number in range(1096)]
    found = {}
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        offsets = [day.astimezone(zone).utcoffset() for day in days]
        changes = [
            next((day + quarter, old) for quarter in quarters if (day + quarter).astimezone(zone).utcoffset() != old)
            for day, (old, new) in zip(days, itertools.pairwise(offsets), strict=False)
            if old != new
        ]
        if changes:
            found[tuple(changes)] = name
    return {zone: [moment for moment, _ in changes] for changes, zone in found.items()}


@pytest.mark.parametrize("hour", ["4", "5", "6"])
@pytest.mark.parametrize(
    ("preset", "days"),
    [("daily", {1}), ("weekly", {7}), ("monthly", {28, 29, 30, 31})],
    ids=["daily", "weekly", "monthly"],
)
def test_no_change_of_clocks_touches_a_preset(preset, days, hour):
    """Somewhere clocks change at nearly every other hour of the night, and on Fridays, Saturdays and Sundays at midnight."""
    text = PRESETS[preset].replace("H(4-6)", hour).replace("H", "30")
    assert len(changes_of_clocks()) > 20
    for zone, moments in changes_of_clocks().items():
        schedule = Schedule.parse(text, zone)
        for moment in moments:
            times = schedule.next_times(moment - dt.timedelta(days=1 + max(days)), 4)
            walls = [time.replace(tzinfo=None) for time in times]
            steps = {later - earlier for earlier, later in itertools.pairwise(walls)}
            assert steps <= {dt.timedelta(days=number) for number in days}, (zone, times)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("H/15 * * * *", r"\d+-59/15 \* \* \* \*"),
        ("H H(0-3) * * *", r"\d+ [0-3] \* \* \*"),
        ("5,H * * * *", r"5,\d+ \* \* \* \*"),
        ("0 H(8-18)/5 * * *", r"0 ([89]|1[0-2])-18/5 \* \* \*"),
    ],
)
def test_forms_of_spreading(text, form):
    assert re.fullmatch(form, Schedule.parse(text, key="a/b").cron)


# ---- times -----------------------------------------------------------------------------------------------------------


def test_a_skipped_hour_is_a_skipped_run():
    schedule = Schedule.parse("30 2 * * *", "Europe/Berlin")
    assert shown(schedule.next_times(dt.datetime(2027, 3, 27, tzinfo=dt.UTC), 2)) == [
        "Sat 2027-03-27 02:30 +0100",
        "Mon 2027-03-29 02:30 +0200",
    ]


def test_a_doubled_hour_is_two_runs():
    schedule = Schedule.parse("30 2 * * *", "Europe/Berlin")
    assert shown(schedule.next_times(dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC), 3)) == [
        "Sun 2026-10-25 02:30 +0200",
        "Sun 2026-10-25 02:30 +0100",
        "Mon 2026-10-26 02:30 +0100",
    ]


def test_where_clocks_change_at_midnight_a_whole_day_may_be_left_out():
    """So does Kubernetes: there is no midnight on 30 April 2027 in Cairo, and its search steps over that Friday."""
    schedule = Schedule.parse("0 12 * * fri", "Africa/Cairo")
    assert shown(schedule.next_times(dt.datetime(2027, 4, 28, tzinfo=dt.UTC), 1)) == ["Fri 2027-05-07 12:00 +0300"]


def test_a_day_of_the_month_and_a_day_of_the_week_are_either_or():
    schedule = Schedule.parse("0 3 1 * mon")
    assert shown(schedule.next_times(NOW, 3)) == [
        "Mon 2026-11-30 03:00 +0000",
        "Tue 2026-12-01 03:00 +0000",
        "Mon 2026-12-07 03:00 +0000",
    ]


def test_a_leap_day_is_found():
    assert shown(Schedule.parse("0 0 29 2 *").next_times(NOW, 1)) == ["Tue 2028-02-29 00:00 +0000"]


def test_an_interval_counts_from_the_last_run():
    schedule = Schedule.parse("@every 6h")
    since = dt.datetime(2026, 11, 25, 1, 2, 3, tzinfo=dt.UTC)
    assert shown(schedule.next_times(NOW, 2, since)) == ["Thu 2026-11-26 13:02 +0000", "Thu 2026-11-26 19:02 +0000"]
    assert shown([schedule.latest_before(NOW, since)]) == ["Thu 2026-11-26 07:02 +0000"]
    assert schedule.latest_before(since, since) is None


def test_an_interval_is_the_same_time_when_clocks_change():
    schedule = Schedule.parse("@every 24h", "Europe/Berlin")
    since = dt.datetime(2026, 10, 24, 2, tzinfo=dt.UTC)
    assert shown(schedule.next_times(since, 1)) == ["Sun 2026-10-25 03:00 +0100"]


TEXTS = ["* * * * *", "*/7 3 * * *", "0 0 29 2 *", "30 2 * * *", "15 */2 1,15 * mon", "0 12 * jan sun", "monthly"]


@given(
    st.sampled_from(TEXTS),
    st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/New_York"]),
    st.integers(1_767_225_600, 2_019_686_400).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)),
)
def test_the_latest_time_is_the_last_one_until_now(text, zone, now):
    schedule = Schedule.parse(text, zone, "shop/nightly")
    latest = schedule.latest_before(now)
    assert latest <= now < schedule.next_after(latest)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("61 * * * *", "the minute is 61, and it goes from 0 to 59", "Five fields"),
        ("0 24 * * *", "the hour is 24, and it goes from 0 to 23", "Five fields"),
        ("0 0 0 * *", "the day of the month is 0, and it goes from 1 to 31", "Five fields"),
        ("0 0 * 13 *", "the month is 13, and it goes from 1 to 12", "Five fields"),
        ("0 0 * * 7", "the day of the week is 7, and it goes from 0 to 6", "Sunday is 0"),
        ("0 0 L * *", "the day of the month is 'L', which is no number", "L, W and #"),
        ("0 0 * foo *", "the month is 'foo', which is no number nor one of jan, feb", "Five fields"),
        ("0 22-5 * * *", "the hour goes from 22 down to 5: 22-5", "22-23,0-5"),
        ("*/0 * * * *", "the step of the minute is '0'; it must be a number above 0", "Five fields"),
        ("1-2-3 * * * *", "the minute has more than one hyphen: 1-2-3", "Five fields"),
        ("1/2/3 * * * *", "the minute has more than one slash: 1/2/3", "Five fields"),
        (", * * * *", "the minute is an empty list: ,", "Five fields"),
        ("* * * * * *", "it has 6 fields, not five; Kubernetes knows no seconds and no years", "Five fields"),
        ("* * * *", "it has 4 fields, not five", "Five fields"),
        ("", "it is empty", "Five fields"),
        ("nightly", "'nightly' is none of hourly, daily, weekly, monthly", "Five fields"),
        ("@Daily", "Kubernetes does not know '@Daily'", "Did you mean @daily?"),
        ("@every 1d", "'1d' is no length of time", "24h"),
        ("@every 5s", "'5s' is less than a minute", "* * * * *"),
        ("TZ=UTC * * * * *", "it names a time zone", "Give it as the time zone"),
        ("0 0 30 2 *", "no month that it names has the day that it names", "Correct the day"),
        ("0 0 H * *", "the day of the month is 'H', which is no number", "Five fields"),
        ("H(5-70) * * * *", "the minute is 'H(5-70)', and it goes from 0 to 59", "Five fields"),
        ("Hx * * * *", "the minute is 'Hx'", "H is written as"),
        ("H/0 * * * *", "the step of the minute is 0", "Five fields"),
    ],
)
def test_a_refusal_says_which_field_is_wrong_and_what_to_write(text, why, hint):
    with pytest.raises(UsageError) as refused:
        Schedule.parse(text)
    assert repr(text) in refused.value.what
    assert why in refused.value.why
    assert hint in refused.value.next


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("europe/berlin", "Did you mean Europe/Berlin?"),
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("new york", "Did you mean America/New_York?"),
        ("Asia/Beijing", "Did you mean Asia/Shanghai?"),
        ("Local", "Name a place"),
        ("Moonbase", "Name a place"),
        ("", "Name a place"),
        ("../../etc/passwd", "Name a place"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_one_that_was_meant(name, hint):
    with pytest.raises(UsageError) as refused:
        Schedule.parse("0 2 * * *", name)
    assert "time zone" in refused.value.what
    assert hint in refused.value.next
