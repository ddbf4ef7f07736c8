"""Schedules in plain Chinese, larger units first: `1月和7月的每周一 03:00`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from holdfast.schedule.fields import Field
from holdfast.schedule.progression import Progression, monday_first

_WEEKDAYS = "一二三四五六日"
_UNITS = ((86400, "天"), (3600, "小时"), (60, "分钟"), (1, "秒"))
_LISTED = 4


def interval(time: dt.timedelta) -> str:
    """`每隔 6 小时，从上一次运行算起`"""
    parts = []
    seconds = int(time.total_seconds())
    for size, unit in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return f"每隔 {' '.join(parts)}，从上一次运行算起"


def times(fields: Sequence[Field], zone: str) -> str:
    """`每天 02:30（Europe/Berlin）`"""
    minute, hour, day, month, weekday = fields
    days = _days(day, weekday)
    is_single = len(minute.values) == 1
    clock = _single_minute(min(minute.values), hour) if is_single else _minutes(minute, hour)
    if not days and is_single and not hour.is_full:
        days = "每天"
    months = _months(month)
    if months and not days:
        days = "每天"
    before = f"{months}的{days}" if months else days
    return f"{before} {clock}（{zone}）".strip()


def moment(time: dt.datetime) -> str:
    """`2026-11-27 周五 02:30 CET`"""
    return f"{time:%Y-%m-%d} 周{_WEEKDAYS[time.weekday()]} {time:%H:%M %Z}"


def _single_minute(minute: int, hour: Field) -> str:
    if hour.is_full:
        return f"每小时的第 {minute} 分钟"
    hours = sorted(hour.values)
    run = Progression.of(hours, least=_LISTED + 1)
    if run is None:
        return _and([f"{one:02}:{minute:02}" for one in hours])
    every = "每小时一次" if run.step == 1 else f"每 {run.step} 小时一次"
    return f"{run.first:02}:{minute:02} 至 {run.last:02}:{minute:02} {every}"


def _minutes(minute: Field, hour: Field) -> str:
    numbers = sorted(minute.values)
    run = Progression.of(numbers, least=2)
    if minute.is_full:
        words = "每分钟"
    elif run and run.goes_round(60):
        words = f"每 {run.step} 分钟"
        if run.first:
            words = f"从第 {run.first} 分钟起{words}"
    elif run and run.step == 1 and len(numbers) > _LISTED:
        words = f"第 {run.first} 至 {run.last} 分钟的每分钟"
    else:
        words = f"第 {_and([str(number) for number in numbers])} 分钟"
    return _hours(hour, of_every=words.startswith(("从", "第"))) + words


def _hours(hour: Field, *, of_every: bool) -> str:
    if hour.is_full:
        return "每小时" if of_every else ""
    hours = sorted(hour.values)
    run = Progression.of(hours, least=1) if len(hours) > 1 else Progression(hours[0], hours[0], 1)
    if run and run.step == 1:
        return f"{run.first:02}:00 至 {run.last:02}:59 之间" + ("每小时" if of_every else "")
    return f"{_and([str(one) for one in hours])} 点内"


def _days(day: Field, weekday: Field) -> str:
    either = not (day.star or weekday.star)
    if either and (day.is_full or weekday.is_full):
        return ""  # a day that fits one of both is enough, and one fits always
    words = []
    if not day.is_full:
        words.append(_days_of_the_month(sorted(day.values)))
    if not weekday.is_full:
        words.append(_weekdays(monday_first(weekday.values)))
    return "以及".join(words)


def _days_of_the_month(days: list[int]) -> str:
    run = Progression.of(days, least=_LISTED + 1)
    if run is None:
        return f"每月 {_and([f'{day} 日' for day in days])}"
    every = "每天" if run.step == 1 else f"每 {run.step} 天"
    return f"每月 {run.first} 日至 {run.last} 日{every}"


def _weekdays(days: list[int]) -> str:
    run = Progression.of(days, least=3)
    if run and run.step == 1:
        return f"周{_WEEKDAYS[run.first - 1]}至周{_WEEKDAYS[run.last - 1]}"
    return f"每{_and([f'周{_WEEKDAYS[day - 1]}' for day in days])}"


def _months(month: Field) -> str:
    if month.is_full:
        return ""
    months = sorted(month.values)
    run = Progression.of(months, least=3)
    if run and run.step == 1:
        return f"{run.first} 月至 {run.last} 月"
    return _and([f"{one} 月" for one in months])


def _and(parts: list[str]) -> str:
    """Between Chinese characters and digits stands a space."""
    *others, last = parts
    if not others:
        return last
    before, after = ("" if char >= "一" else " " for char in (others[-1][-1], last[0]))
    return f"{'、'.join(others)}{before}和{after}{last}"
