"""Small texts that people type and read."""

import datetime as dt
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.output import local_time, printable
from holdfast.cli.progress_text import format_size
from holdfast.cli.quantities import parse_before, parse_percent
from holdfast.errors import UsageError


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_sizes(size, text):
    assert format_size(size) == text


@given(st.integers(0, 1 << 60))
def test_any_size_has_a_short_text(size):
    assert len(format_size(size)) < 16


@pytest.mark.parametrize(("text", "value"), [("100%", 1.0), ("0%", 0.0), ("5%", 0.05), ("2.5%", 0.025)])
def test_parts_of_the_data(text, value):
    assert parse_percent("--read-data", text) == value


@pytest.mark.parametrize("text", ["", "5", "%", "101%", "-1%", "half", "nan%", "inf%"])
def test_what_is_no_part_of_the_data_is_refused(text):
    with pytest.raises(UsageError):
        parse_percent("--read-data", text)


def test_a_time_with_a_zone_is_that_time():
    assert parse_before("2026-11-23T14:00:00+02:00") == dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def test_a_time_without_a_zone_is_the_readers():
    assert parse_before("2026-11-23T14:00") == dt.datetime(2026, 11, 23, 14).astimezone()


def test_no_time_is_none():
    assert parse_before("") is None


@pytest.mark.parametrize("text", ["yesterday", "25:00", "2026-13-01"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="--before"):
        parse_before(text)


@given(st.binary())
def test_any_name_of_a_file_can_be_printed(name):
    path = name.decode("utf-8", "surrogateescape")
    shown = printable(path)
    io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict").write(shown)
    assert shown == path or "\\x" in shown


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-14"])
@pytest.mark.parametrize("moment", [dt.datetime.min, dt.datetime.max])  # noqa: DTZ901 - gets its zone below
def test_the_first_and_the_last_time_can_be_shown_in_every_zone(zone, moment, monkeypatch):
    """A snapshot may have them: Go's zero time is the first."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert len(local_time(moment.replace(tzinfo=dt.UTC))) in (len("1-01-01 00:00:00"), len("0001-01-01 00:00:00"))
    finally:
        monkeypatch.undo()
        time.tzset()
