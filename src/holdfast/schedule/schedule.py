"""A schedule: the text a person wrote, what Kubernetes shall read, and when it comes."""

from __future__ import annotations

import datetime as dt
import difflib
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from holdfast.errors import UsageError
from holdfast.schedule import chinese, english
from holdfast.schedule.fields import FIELDS, Field, FieldError
from holdfast.schedule.interval import parse_interval
from holdfast.schedule.spreading import PRESETS, spread
from holdfast.schedule.times import next_time
from holdfast.schedule.zones import time_zone

Language = Literal["en", "zh"]

_EVERY = "@every "
_DESCRIPTORS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FORMS = (
    "Five fields: minute, hour, day of the month, month, day of the week; or hourly, daily, weekly, monthly, @every 6h."
)
_SOME_LEAP_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_SECOND = dt.timedelta(seconds=1)
_HOUR = dt.timedelta(hours=1)
_LONGEST = dt.timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either five fields on the clocks of a zone, or a fixed interval, which counts from one run to the next."""

    text: str
    cron: str
    """The same as a CronJob takes it: presets written out, a number for each `H`."""
    zone: ZoneInfo
    fields: tuple[Field, ...] = ()
    interval: dt.timedelta | None = None

    @classmethod
    def parse(cls, text: str, zone: str = "Etc/UTC", key: str = "") -> Schedule:
        """`key` is the plan's NAMESPACE/NAME, which decides what `H` is.

        Raises UsageError for what Kubernetes would refuse, for a schedule that never comes, and for an unknown time zone.
        """
        text = text.strip()
        place = time_zone(zone)
        try:
            if text.startswith(_EVERY):
                return cls(text, text, place, interval=parse_interval(text.removeprefix(_EVERY)))
            cron = " ".join(_spread(text, key))
            parts = _DESCRIPTORS.get(cron, cron).split()
            fields = tuple(Field.parse(part, bounds) for part, bounds in zip(parts, FIELDS, strict=True))
        except FieldError as error:
            raise _unreadable(text, error.why, error.hint) from None
        if next_time(fields, place, _SOME_LEAP_YEAR) is None:
            raise UsageError(
                f"the schedule {text!r:.80} never comes",
                why="no month that it names has the day that it names",
                next="Correct the day of the month or the month.",
            )
        return cls(text, cron, place, fields)

    def next_after(self, moment: dt.datetime, since: dt.datetime | None = None) -> dt.datetime | None:
        """The first time after `moment`, as a CronJob reckons it; None if there is none within five years.

        `since` matters to an interval only: the last run, or when the CronJob was made. Without it, it counts from `moment`.
        """
        if self.interval is None:
            return next_time(self.fields, self.zone, moment)
        anchor = _whole_second(since or moment)
        passed = max((moment - anchor) // self.interval, 0)
        return (anchor + (passed + 1) * self.interval).astimezone(self.zone)

    def next_times(self, after: dt.datetime, count: int, since: dt.datetime | None = None) -> list[dt.datetime]:
        """The first `count` times after that moment, on the zone's clocks; fewer if there are no more."""
        times: list[dt.datetime] = []
        moment = self.next_after(after, since)
        while moment is not None and len(times) < count:
            times.append(moment)
            moment = self.next_after(moment, moment)
        return times

    def latest_before(self, now: dt.datetime, since: dt.datetime | None = None) -> dt.datetime | None:
        """The newest time that is not after `now`; None if there is none in five years, or for an interval since `since`."""
        if self.interval is not None:
            anchor = _whole_second(since or now)
            runs = (now - anchor) // self.interval
            return (anchor + runs * self.interval).astimezone(self.zone) if runs > 0 else None
        span = _HOUR
        while not self._comes(now - span, now):
            if span > _LONGEST:
                return None
            span *= 4
        early, late = now - span, now  # the newest time comes after `early`, and none comes after `late`
        while late - early > _SECOND:
            middle = early + (late - early) / 2
            early, late = (middle, late) if self._comes(middle, now) else (early, middle)
        return self.next_after(early)

    def explain(self, language: Language = "en") -> str:
        """In words: `at 02:30 every day (Europe/Berlin)`."""
        if self.interval is not None:
            return chinese.interval(self.interval) if language == "zh" else english.interval(self.interval)
        times = chinese.times if language == "zh" else english.times
        return times(self.fields, self.zone.key)

    def next_in_words(
        self, after: dt.datetime, count: int, language: Language = "en", since: dt.datetime | None = None
    ) -> list[str]:
        """`next_times` as people read them: `Fri 2026-11-27 02:30 CET`."""
        words = chinese.moment if language == "zh" else english.moment
        return [words(time) for time in self.next_times(after, count, since)]

    def _comes(self, after: dt.datetime, until: dt.datetime) -> bool:
        moment = self.next_after(after)
        return moment is not None and moment <= until


def _whole_second(moment: dt.datetime) -> dt.datetime:
    """In UTC, because Python adds to a zone's own times without minding its changes of clocks."""
    return moment.astimezone(dt.UTC).replace(microsecond=0)


def _spread(text: str, key: str) -> list[str]:
    """The fields with numbers for `H`, or the one word that begins with @. Raises FieldError."""
    if "TZ" in text:
        raise FieldError("it names a time zone, which Kubernetes does not take there", "Give it as the time zone.")
    if text in _DESCRIPTORS:
        return [text]
    if text.startswith("@"):
        close = difflib.get_close_matches(text.lower(), [*_DESCRIPTORS, _EVERY.strip()], n=1)
        raise FieldError(
            f"Kubernetes does not know {text!r:.40}",
            f"Did you mean {close[0]}?" if close else "One is written as @daily.",
        )
    parts = PRESETS.get(text, text).split()
    if len(parts) != len(FIELDS):
        raise FieldError(_wrong_number(text, len(parts)))
    return [spread(part, bounds, key) for part, bounds in zip(parts, FIELDS, strict=True)]


def _wrong_number(text: str, found: int) -> str:
    match found:
        case 0:
            return "it is empty"
        case 1:
            return f"{text!r:.40} is none of {', '.join(PRESETS)}, and has one field, not five"
        case 6 | 7:
            return f"it has {found} fields, not five; Kubernetes knows no seconds and no years"
        case _:
            return f"it has {found} fields, not five"


def _unreadable(text: str, why: str, hint: str) -> UsageError:
    return UsageError(f"the schedule {text!r:.80} cannot be read", why=why, next=hint or _FORMS)
