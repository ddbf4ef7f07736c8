"""Ids, times and outcomes of runs."""

import datetime as dt
import re

import pytest

from holdfast.errors import UsageError
from holdfast.model.run import Outcome, Problem, new_run_id, timestamp

NOON = dt.datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=dt.UTC)


def test_a_run_id_tells_its_time_and_is_the_only_one():
    first, second = new_run_id(NOON), new_run_id(NOON)
    assert re.fullmatch(r"20261123-120000-[0-9a-f]{6}", first)
    assert first != second


def test_run_ids_sort_by_time():
    assert new_run_id(NOON) < new_run_id(NOON + dt.timedelta(seconds=1))


@pytest.mark.parametrize(
    "zone", [dt.UTC, dt.timezone(dt.timedelta(hours=9)), dt.timezone(dt.timedelta(hours=-3, minutes=-30))]
)
def test_a_timestamp_is_in_utc_whatever_the_zone(zone):
    assert timestamp(NOON.astimezone(zone)) == "2026-11-23T12:00:00.000005Z"


def test_a_timestamp_has_its_microseconds_even_if_there_are_none():
    assert timestamp(NOON.replace(microsecond=0)) == "2026-11-23T12:00:00.000000Z"


def test_each_outcome_has_its_exit_code():
    assert {outcome.value: outcome.exit_code for outcome in Outcome} == {
        "done": 0,
        "failed": 1,
        "partial": 3,
        "cancelled": 130,
    }


def test_a_problem_is_an_error_in_three_parts():
    error = UsageError("it went wrong", why="somebody erred", next="Do it again.")
    assert Problem.of(error) == Problem("it went wrong", "somebody erred", "Do it again.")
    assert Problem.of(error, "the cake").what == "the cake: it went wrong"
