"""Lengths of time as people write them."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.model.span import END_OF_TIME, Span, in_zone

BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30d", Span(days=30)),
        ("12h", Span(hours=12)),
        ("1y2m5d3h", Span(1, 2, 5, 3)),
        ("3h5d2m1y", Span(1, 2, 5, 3)),
        ("0y7d", Span(days=7)),
    ],
)
def test_what_is_a_length_of_time(text, span):
    assert Span.parse(text, "--keep-within") == span


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1w", "1d1d", "0d", "1d ", "30 d", "1d2", "999999d", "٣d"])
def test_what_is_none_is_refused_and_names_the_flag(text):
    with pytest.raises(UsageError, match="--keep-within"):
        Span.parse(text, "--keep-within")


@given(st.builds(Span, *[st.integers(0, 99)] * 4).filter(lambda span: span != Span()))
def test_what_is_printed_means_the_same(span):
    assert Span.parse(str(span), "--x") == span


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("1d", dt.datetime(2026, 3, 30, 12, tzinfo=dt.UTC)),
        ("1m", dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)),  # there is no 31 February
        ("1y1m", dt.datetime(2025, 3, 3, 12, tzinfo=dt.UTC)),
        ("3m", dt.datetime(2025, 12, 31, 12, tzinfo=dt.UTC)),
        ("13h", dt.datetime(2026, 3, 30, 23, tzinfo=dt.UTC)),
    ],
)
def test_counting_back(text, before):
    assert Span.parse(text, "--x").before(NOON, dt.UTC) == before


def test_a_day_of_the_calendar_may_have_23_hours():
    after_the_change = dt.datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    start = Span(days=1).before(after_the_change, BERLIN)
    assert start.astimezone(dt.UTC) == dt.datetime(2026, 3, 28, 11, tzinfo=dt.UTC)
    assert Span(hours=24).before(after_the_change, BERLIN).astimezone(dt.UTC).hour == 10


def test_counting_on():
    assert Span(months=1).after(dt.datetime(2026, 1, 31, tzinfo=dt.UTC), dt.UTC) == dt.datetime(
        2026, 3, 3, tzinfo=dt.UTC
    )


@pytest.mark.parametrize("zone", [dt.UTC, BERLIN, ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu"), None])
def test_the_calendar_has_two_ends(zone):
    ages = Span(years=99_999)
    assert ages.before(NOON, zone) == dt.datetime.min.replace(tzinfo=dt.UTC)
    assert ages.after(NOON, zone) == END_OF_TIME
    for end in (dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC), END_OF_TIME):
        assert in_zone(end, zone) == end
        assert Span(days=1).before(end, zone) <= end
