"""The rules by which backups are kept, each alone and together. Time: a Monday, 2026-11-23 12:00 UTC."""

import datetime as dt
import time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.ids import SnapshotId
from holdfast.model.retention import UNLIMITED, Candidate, RetentionPolicy, decide
from holdfast.model.span import Span

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def at(text, *, good=True, tags=(), until=None):
    """A backup of `2026-11-23 10:00`, named by its time."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    keep_until = dt.datetime.fromisoformat(until).replace(tzinfo=dt.UTC) if until else None
    return Candidate(
        id=SnapshotId.of(text.encode()), time=moment, good=good, tags=frozenset(tags), keep_until=keep_until
    )


def partial(text, **more):
    return at(text, good=False, **more)


def kept(backups, *, zone=dt.UTC, now=NOW, even_the_last=False, **policy):
    """{time: reasons} of what is kept, newest first."""
    decisions = decide(backups, RetentionPolicy(**policy), now=now, zone=zone, even_the_last=even_the_last)
    assert {one.candidate.id for one in decisions} == {one.id for one in backups}
    assert all(one.why for one in decisions)
    assert all(newer.candidate.time >= older.candidate.time for newer, older in pairwise(decisions))
    return {f"{one.candidate.time:%Y-%m-%d %H:%M}": list(one.why) for one in decisions if one.keep}


def times(backups, **options):
    return list(kept(backups, **options))


LAST = "the last good one"


# Single rules


def test_last_keeps_the_newest():
    backups = [at("2026-11-20 10:00"), at("2026-11-21 10:00"), at("2026-11-22 10:00")]
    assert kept(backups, keep_last=2) == {
        "2026-11-22 10:00": [LAST, "last 1 of 2"],
        "2026-11-21 10:00": ["last 2 of 2"],
    }


@pytest.mark.parametrize(
    ("rule", "newer", "same", "other"),
    [
        ("hourly", "2026-11-23 10:50", "2026-11-23 10:10", "2026-11-23 09:59"),
        ("daily", "2026-11-23 10:00", "2026-11-23 00:00", "2026-11-22 23:59"),
        ("weekly", "2026-11-22 10:00", "2026-11-16 00:00", "2026-11-15 23:59"),  # from Monday on
        ("weekly", "2026-01-02 10:00", "2025-12-29 00:00", "2025-12-28 23:59"),  # one week in two years
        ("monthly", "2026-10-31 10:00", "2026-10-01 00:00", "2026-09-30 23:59"),
        ("yearly", "2026-10-31 10:00", "2026-01-01 00:00", "2025-12-31 23:59"),
    ],
)
def test_of_each_period_the_newest_is_kept(rule, newer, same, other):
    backups = [at(newer), at(same), at(other), at("2020-01-01 00:00")]
    assert kept(backups, **{f"keep_{rule}": 2}) == {newer: [LAST, f"{rule} 1 of 2"], other: [f"{rule} 2 of 2"]}


def test_periods_without_a_backup_take_no_slot():
    backups = [at("2026-11-23 10:00"), at("2026-11-01 10:00"), at("2025-03-01 10:00"), at("2024-01-01 10:00")]
    assert times(backups, keep_daily=3) == ["2026-11-23 10:00", "2026-11-01 10:00", "2025-03-01 10:00"]


def test_while_slots_are_free_the_oldest_is_kept_too():
    backups = [at("2026-11-23 10:00"), at("2026-11-22 10:00"), at("2026-11-22 08:00"), at("2026-11-22 06:00")]
    found = kept(backups, keep_daily=3)
    assert list(found) == ["2026-11-23 10:00", "2026-11-22 10:00", "2026-11-22 06:00"]
    assert found["2026-11-22 06:00"] == ["the oldest one, daily 3 of 3"]
    assert times(backups, keep_daily=2) == ["2026-11-23 10:00", "2026-11-22 10:00"]


@pytest.mark.parametrize("rule", ["last", "hourly", "daily", "weekly", "monthly", "yearly"])
def test_unlimited(rule):
    backups = [at(f"{year}-06-01 10:00") for year in range(2010, 2026)]
    found = kept(backups, **{f"keep_{rule}": UNLIMITED})
    assert len(found) == len(backups)
    assert found["2010-06-01 10:00"] == [f"{rule} 16"]


def test_a_backup_says_every_reason():
    assert kept([at("2026-11-23 10:00", tags=["release"])], keep_last=1, keep_daily=7, keep_weekly=UNLIMITED) == {
        "2026-11-23 10:00": [LAST, "last 1 of 1", "daily 1 of 7", "weekly 1"]
    }


def test_what_no_rule_keeps_says_so():
    [_, removed] = decide(
        [at("2026-11-23 10:00"), at("2026-11-22 10:00")], RetentionPolicy(keep_last=1), now=NOW, zone=dt.UTC
    )
    assert (removed.keep, removed.why) == (False, ("no rule keeps it",))


def test_tags_keep_whatever_has_one_of_them():
    backups = [at("2026-11-23 10:00"), at("2020-01-01 10:00", tags=["release", "x"]), at("2020-01-02 10:00")]
    assert kept(backups, keep_tags=frozenset(["release", "x"]))["2020-01-01 10:00"] == ["tag release", "tag x"]
    assert len(kept(backups, keep_tags=frozenset(["release"]))) == 2


def test_within_counts_back_from_the_newest_good_backup_and_not_from_now():
    backups = [at("2025-01-31 10:00"), at("2025-01-02 10:00"), at("2025-01-01 10:00"), at("2024-12-31 10:00")]
    assert kept(backups, keep_within=Span(days=30)) == {
        "2025-01-31 10:00": [LAST, "within 30d"],
        "2025-01-02 10:00": ["within 30d"],
    }


def test_without_rules_all_are_kept():
    backups = [at("2026-11-23 10:00"), at("2020-01-01 10:00"), partial("2021-01-01 10:00")]
    assert kept(backups)["2020-01-01 10:00"] == ["no rule was given"]
    assert len(kept(backups)) == 3


def test_an_empty_group():
    assert kept([], keep_daily=7) == {}


# Zones


@pytest.mark.parametrize(
    ("zone", "count"), [("UTC", 1), ("Europe/Berlin", 2), ("America/New_York", 1), ("Pacific/Auckland", 1)]
)
def test_days_are_those_of_the_zone(zone, count):
    backups = [at("2026-11-22 23:30"), at("2026-11-22 22:30"), at("2020-01-01 10:00"), at("2019-01-01 10:00")]
    found = kept(backups, zone=ZoneInfo(zone), keep_daily=2)
    assert len([one for one in found if one.startswith("2026")]) == count


@pytest.mark.parametrize(("zone", "days"), [("UTC", 1), ("Europe/Berlin", 2)])
def test_without_a_zone_days_are_those_of_this_machine(monkeypatch, zone, days):
    backups = [at("2026-11-22 23:30"), at("2026-11-22 22:30"), at("2020-01-01 10:00"), at("2019-01-01 10:00")]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = kept(backups, zone=None, keep_daily=2)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len([one for one in found if one.startswith("2026")]) == days


def test_an_hour_that_comes_twice_is_one():
    """On 2026-10-25 clocks in Berlin went from 03:00 back to 02:00, which is 01:00 UTC."""
    backups = [at("2026-10-25 01:30"), at("2026-10-25 00:30"), at("2026-10-24 23:30"), at("2026-10-24 20:30")]
    assert times(backups, zone=ZoneInfo("Europe/Berlin"), keep_hourly=2) == ["2026-10-25 01:30", "2026-10-24 23:30"]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_the_first_day_of_all_calendars_has_no_day_before(zone):
    backups = [at("2026-11-23 10:00"), Candidate(id=SnapshotId.of(b"x"), time=dt.datetime.min.replace(tzinfo=dt.UTC))]
    found = decide(backups, RetentionPolicy(keep_daily=1, keep_yearly=9), now=NOW, zone=ZoneInfo(zone))
    assert [one.keep for one in found] == [True, True]


# Good before partial


def test_a_good_backup_goes_before_a_newer_partial_one_of_its_day():
    backups = [at("2026-11-23 10:00"), partial("2026-11-22 20:00"), at("2026-11-22 10:00")]
    assert times(backups, keep_daily=2) == ["2026-11-23 10:00", "2026-11-22 10:00"]


def test_a_partial_one_stands_for_a_day_without_a_good_one_and_takes_no_slot():
    backups = [
        at("2026-11-23 10:00"),
        partial("2026-11-22 20:00"),
        partial("2026-11-22 10:00"),
        at("2026-11-21 10:00"),
        partial("2026-11-20 10:00"),
        at("2026-11-19 10:00"),
    ]
    found = kept(backups, keep_daily=2)
    assert found == {
        "2026-11-23 10:00": [LAST, "daily 1 of 2"],
        "2026-11-22 20:00": ["daily, its day has no good one"],
        "2026-11-21 10:00": ["daily 2 of 2"],
    }


def test_last_counts_good_ones():
    backups = [at("2026-11-23 10:00"), partial("2026-11-22 10:00"), at("2026-11-21 10:00"), at("2026-11-20 10:00")]
    assert times(backups, keep_last=2) == ["2026-11-23 10:00", "2026-11-21 10:00"]


def test_partial_ones_after_the_last_good_one_are_kept_and_push_out_nothing():
    backups = [partial(f"2026-11-{day} 10:00") for day in range(13, 23)] + [
        at("2026-11-12 10:00"),
        at("2026-11-11 10:00"),
    ]
    found = kept(backups, keep_daily=2)
    assert len(found) == 12
    assert found["2026-11-13 10:00"] == ["partial, newer than the last good one"]
    assert found["2026-11-11 10:00"] == ["daily 2 of 2"]


def test_a_group_of_partial_ones_is_ruled_as_if_they_were_good():
    backups = [partial("2026-11-23 10:00"), partial("2026-11-22 10:00"), partial("2026-11-21 10:00")]
    assert kept(backups, keep_last=1, keep_daily=2) == {
        "2026-11-23 10:00": ["the newest one, none is good", "last 1 of 1", "daily 1 of 2"],
        "2026-11-22 10:00": ["daily 2 of 2"],
    }


def test_within_keeps_partial_ones_too():
    backups = [at("2026-11-23 10:00"), partial("2026-11-22 10:00")]
    assert times(backups, keep_within=Span(days=2)) == ["2026-11-23 10:00", "2026-11-22 10:00"]


# The last good one


def test_the_last_good_one_stays_though_no_rule_keeps_it():
    backups = [at("2026-11-23 10:00"), at("2026-11-22 10:00", tags=["release"])]
    release = frozenset(["release"])
    assert kept(backups, keep_tags=release)["2026-11-23 10:00"] == [LAST]
    assert times(backups, keep_tags=release, even_the_last=True) == ["2026-11-22 10:00"]


def test_the_newest_of_a_group_without_a_good_one_stays():
    backups = [partial("2026-11-23 10:00"), partial("2026-11-22 10:00")]
    other = frozenset(["other"])
    assert times(backups, keep_tags=other) == ["2026-11-23 10:00"]
    assert times(backups, keep_tags=other, even_the_last=True) == []


# Wrong clocks


def test_backups_of_the_future_are_kept_and_push_out_nothing():
    forged = [at(f"2099-01-0{day} 10:00") for day in range(1, 8)]
    real = [at("2026-11-23 10:00"), at("2026-11-22 10:00"), at("2026-11-21 10:00")]
    found = kept(forged + real, keep_last=1, keep_daily=2, keep_within=Span(hours=25))
    assert len(found) == 9
    assert found["2099-01-07 10:00"] == ["dated in the future"]
    assert found["2026-11-23 10:00"] == [LAST, "last 1 of 1", "daily 1 of 2", "within 25h"]
    assert found["2026-11-22 10:00"] == ["daily 2 of 2", "within 25h"]


def test_a_partial_one_is_not_newer_than_a_good_one_of_the_future():
    backups = [at("2099-01-01 10:00"), partial("2026-11-23 10:00"), at("2026-11-22 10:00")]
    assert kept(backups, keep_last=1)["2026-11-23 10:00"] == ["partial, newer than the last good one"]


def test_clocks_may_differ_by_an_hour():
    assert kept([at("2026-11-23 13:00")], keep_last=1) == {"2026-11-23 13:00": [LAST, "last 1 of 1"]}
    assert kept([at("2026-11-23 13:01")], keep_last=1) == {"2026-11-23 13:01": ["dated in the future"]}


# --keep-for


def test_a_backup_with_a_time_of_its_own_stands_outside_of_the_rules():
    backups = [
        at("2026-11-23 11:00", until="2026-11-24 11:00"),
        at("2026-11-23 10:00"),
        at("2026-11-20 10:00", until="2026-11-23 11:59", tags=["release"]),
        at("2026-11-19 10:00"),
    ]
    assert kept(backups, keep_last=2, keep_within=Span(days=3), keep_tags=frozenset(["release"])) == {
        "2026-11-23 11:00": ["kept until 2026-11-24 11:00"],
        "2026-11-23 10:00": [LAST, "last 1 of 2", "within 3d"],
        "2026-11-19 10:00": ["last 2 of 2"],
    }


def test_its_time_is_said_when_it_goes():
    backups = [at("2026-11-23 10:00"), at("2026-11-20 10:00", until="2026-11-23 11:59")]
    [_, gone] = decide(backups, RetentionPolicy(), now=NOW, zone=ZoneInfo("Europe/Berlin"))
    assert (gone.keep, gone.why) == (False, ("was kept until 2026-11-23 12:59",))


def test_the_last_good_one_stays_after_its_time():
    backups = [at("2026-11-20 10:00", until="2026-11-21 10:00"), at("2026-11-19 10:00", until="2026-11-20 10:00")]
    assert kept(backups) == {"2026-11-20 10:00": [LAST]}
    assert kept([*backups, partial("2026-11-18 10:00")], keep_last=1)["2026-11-20 10:00"] == [LAST]
    assert kept(backups, even_the_last=True) == {}


# Policies that make no sense


@pytest.mark.parametrize(
    "policy",
    [{"keep_last": 0}, {"keep_daily": 0, "keep_yearly": 0}, {"keep_last": -2}, {"keep_daily": 7, "keep_last": -5}],
)
def test_rules_that_keep_nothing_are_refused(policy):
    with pytest.raises(UsageError):
        RetentionPolicy(**policy)


def test_a_zero_beside_another_rule_says_nothing():
    assert times([at("2026-11-23 10:00"), at("2026-11-22 10:00")], keep_last=0, keep_daily=1) == ["2026-11-23 10:00"]


# Whatever the group and the rules


COUNTS = ["keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"]
SPANS = st.one_of(
    st.none(), st.builds(Span, months=st.integers(0, 3), days=st.integers(0, 40), hours=st.integers(1, 30))
)
POLICIES = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.integers(1, 6), st.just(UNLIMITED)) for name in COUNTS}
    | {"keep_within": SPANS, "keep_tags": st.frozensets(st.sampled_from("ab"))}
)
MINUTES = st.one_of(st.integers(-300, 3000), st.integers(-3000, 1_000_000))  # before now
CANDIDATES = st.builds(
    lambda minutes, good, tags, until: Candidate(
        id=SnapshotId.of(str(minutes).encode()),
        time=NOW - dt.timedelta(minutes=minutes),
        good=good,
        tags=tags,
        keep_until=None if until is None else NOW + dt.timedelta(minutes=until),
    ),
    MINUTES,
    st.booleans(),
    st.frozensets(st.sampled_from("abc")),
    st.one_of(st.none(), st.none(), st.integers(-100, 100)),
)
GROUPS = st.lists(CANDIDATES, max_size=40, unique_by=lambda one: one.time)
ZONES = st.sampled_from([dt.UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland"), ZoneInfo("America/St_Johns")])


def stays(group, policy, zone):
    return {one.candidate for one in decide(group, RetentionPolicy(**policy), now=NOW, zone=zone) if one.keep}


def present(group):
    return [one for one in group if one.time <= NOW + dt.timedelta(hours=1)]


@given(GROUPS, POLICIES, ZONES)
@settings(max_examples=300)
def test_the_newest_good_one_is_always_kept(group, policy, zone):
    good = [one for one in present(group) if one.good]
    newest = max((one for one in good if one.keep_until is None), key=lambda one: one.time, default=None)
    if newest is not None:
        assert newest in stays(group, policy, zone)
    elif good:
        assert max(good, key=lambda one: one.time) in stays(group, policy, zone)
    elif present(group):
        assert stays(present(group), policy, zone)


@given(GROUPS, POLICIES, ZONES)
@settings(max_examples=300)
def test_what_was_kept_is_kept_again(group, policy, zone):
    first = stays(group, policy, zone)
    assert stays(list(first), policy, zone) == first


@given(GROUPS, POLICIES, ZONES, st.sampled_from(COUNTS), st.integers(1, 3))
@settings(max_examples=300)
def test_a_larger_number_keeps_all_that_a_smaller_one_kept(group, policy, zone, name, more):
    if policy[name] in (None, UNLIMITED):
        policy = {**policy, name: 1}
    fewer = stays(group, policy, zone)
    assert fewer <= stays(group, {**policy, name: policy[name] + more}, zone)
    assert fewer <= stays(group, {**policy, name: UNLIMITED}, zone)


@given(GROUPS, POLICIES, ZONES)
def test_what_is_dated_in_the_future_changes_nothing_for_the_others(group, policy, zone):
    others = present(group)
    assert stays(others, policy, zone) == stays(group, policy, zone) & set(others)


@given(GROUPS, POLICIES, ZONES)
def test_no_partial_one_costs_a_good_one_its_slot(group, policy, zone):
    good = [one for one in group if one.good]
    if any(one.keep_until is None for one in present(good)):
        assert stays(good, policy, zone) == stays(group, policy, zone) & set(good)


@given(GROUPS, POLICIES, ZONES, st.randoms())
def test_the_order_in_which_backups_are_listed_does_not_matter(group, policy, zone, random):
    shuffled = random.sample(group, len(group))
    assert stays(shuffled, policy, zone) == stays(group, policy, zone)
