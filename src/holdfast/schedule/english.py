"""Schedules in plain English. Everything that can be listed shortly is listed: `at 00:00, 06:00, 12:00 and 18:00 every day`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from holdfast.schedule.fields import Field
from holdfast.schedule.progression import Progression, monday_first

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_LISTED = 4
"""More hours than these at equal steps are told by their ends."""


def interval(time: dt.timedelta) -> str:
    """`every 6 hours, from one run to the next`"""
    parts = []
    seconds = int(time.total_seconds())
    for size, unit in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:,} {unit}{'' if number == 1 else 's'}")
    return f"every {_and(parts)}, from one run to the next"


def times(fields: Sequence[Field], zone: str) -> str:
    """`at 02:30 every day (Europe/Berlin)`"""
    minute, hour, day, month, weekday = fields
    is_single = len(minute.values) == 1
    clock = _single_minute(min(minute.values), hour) if is_single else _minutes(minute, hour)
    days = _days(day, weekday)
    if not days and is_single and not hour.is_full:
        days = " every day"
    return f"{clock}{days}{_months(month)} ({zone})"


def moment(time: dt.datetime) -> str:
    """`Fri 2026-11-27 02:30 CET`, on the clocks that the time has."""
    return f"{_WEEKDAYS[time.weekday()][:3]} {time:%Y-%m-%d %H:%M %Z}"


def _single_minute(minute: int, hour: Field) -> str:
    if hour.is_full:
        return f"every hour at minute {minute}"
    hours = sorted(hour.values)
    run = Progression.of(hours, least=_LISTED + 1)
    if run is None:
        return "at " + _and([f"{one:02}:{minute:02}" for one in hours])
    every = "every hour" if run.step == 1 else f"every {run.step} hours"
    return f"{every} from {run.first:02}:{minute:02} to {run.last:02}:{minute:02}"


def _minutes(minute: Field, hour: Field) -> str:
    numbers = sorted(minute.values)
    run = Progression.of(numbers, least=2)
    if minute.is_full:
        words = "every minute"
    elif run and run.goes_round(60):
        words = f"every {run.step} minutes"
        if run.first:
            words += f" from minute {run.first} on"
    elif run and run.step == 1 and len(numbers) > _LISTED:
        words = f"every minute from minute {run.first} to {run.last}"
    else:
        words = f"at the minutes {_and([str(number) for number in numbers])}"
    return words + _hours(hour, of_every=words.startswith("at "))


def _hours(hour: Field, *, of_every: bool) -> str:
    if hour.is_full:
        return " of every hour" if of_every else ""
    hours = sorted(hour.values)
    run = Progression.of(hours, least=1) if len(hours) > 1 else Progression(hours[0], hours[0], 1)
    if run and run.step == 1:
        return f" between {run.first:02}:00 and {run.last:02}:59"
    return f" in the hours {_and([str(one) for one in hours])}"


def _days(day: Field, weekday: Field) -> str:
    either = not (day.star or weekday.star)
    if either and (day.is_full or weekday.is_full):
        return ""  # a day that fits one of both is enough, and one fits always
    words = []
    if not day.is_full:
        words.append(_days_of_the_month(sorted(day.values)))
    if not weekday.is_full:
        words.append(_weekdays(monday_first(weekday.values)))
    return f" {' and also '.join(words)}" if words else ""


def _days_of_the_month(days: list[int]) -> str:
    run = Progression.of(days, least=_LISTED + 1)
    if run is None:
        return f"on day{'' if len(days) == 1 else 's'} {_and([str(day) for day in days])} of the month"
    every = "from" if run.step == 1 else f"every {run.step} days from"
    return f"{every} the {_ordinal(run.first)} to the {_ordinal(run.last)} of the month"


def _ordinal(number: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number in (11, 12, 13) else ends.get(number % 10, 'th')}"


def _weekdays(days: list[int]) -> str:
    run = Progression.of(days, least=3)
    if run and run.step == 1:
        return f"from {_WEEKDAYS[run.first - 1]} to {_WEEKDAYS[run.last - 1]}"
    return f"on {_and([_WEEKDAYS[day - 1] for day in days])}"


def _months(month: Field) -> str:
    if month.is_full:
        return ""
    months = sorted(month.values)
    run = Progression.of(months, least=3)
    if run and run.step == 1:
        return f", from {_MONTHS[run.first - 1]} to {_MONTHS[run.last - 1]}"
    return f", in {_and([_MONTHS[one - 1] for one in months])}"


def _and(parts: list[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
