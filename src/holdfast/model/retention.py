"""Which backups are kept and which go: rules without I/O, and every backup that stays knows all reasons for it.

The rules look at one group of backups at a time, newest first. A rule such as "7 daily" has seven slots: each is taken by the
newest good backup of a day. What is kept for another reason than the group's rules takes no slot, so that it pushes out
nothing. docs/decisions/0018-retention.md says why each is as it is.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.errors import UsageError
from holdfast.ids import SnapshotId
from holdfast.model.span import Span, in_zone

UNLIMITED = -1

_CLOCK_ERROR = dt.timedelta(hours=1)
"""What a backup may be dated ahead of now; two machines' clocks are never quite the same."""


class Byproduct(StrEnum):
    """Snapshots that are not backups of the user's choice. Rules of groups do not look at them."""

    FAILURE = "report of a backup that failed"
    RESTORE = "report of a restore"
    PROOF = "report of a verification or a drill"
    PART = "part"
    SAFETY_POINT = "safety point"


KEPT_FOR: Mapping[Byproduct, dt.timedelta] = {
    Byproduct.FAILURE: dt.timedelta(days=30),
    Byproduct.RESTORE: dt.timedelta(days=90),
    Byproduct.PROOF: dt.timedelta(days=90),
    Byproduct.PART: dt.timedelta(days=7),  # its run may be resumed meanwhile
    Byproduct.SAFETY_POINT: dt.timedelta(days=14),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """The rules of groups. A count is a number of slots or UNLIMITED; None says that the rule was not given.

    Raises UsageError for other numbers, and for rules that keep nothing.
    """

    keep_last: int | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None
    keep_within: Span | None = None
    keep_tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        counts = [count for count in (self.keep_last, *self._periods().values()) if count is not None]
        if any(count < UNLIMITED for count in counts):
            raise UsageError("a number of backups to keep cannot be negative", next="Write `unlimited` to keep all.")
        if counts and self.is_empty:
            raise UsageError(
                "these rules keep nothing",
                why="every --keep-… that was given is 0",
                next="Keep something, or remove single backups with `holdfast backup delete`.",
            )

    @property
    def is_empty(self) -> bool:
        """Whether no rule keeps anything."""
        return not (self.keep_last or any(self._periods().values()) or self.keep_within or self.keep_tags)

    def _periods(self) -> dict[str, int | None]:
        return {
            "hourly": self.keep_hourly,
            "daily": self.keep_daily,
            "weekly": self.keep_weekly,
            "monthly": self.keep_monthly,
            "yearly": self.keep_yearly,
        }

    def periods(self) -> Iterator[tuple[Period, int]]:
        """The periods that have slots, and how many."""
        for period in PERIODS:
            if count := self._periods()[period.adjective]:
                yield period, count


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the calendar. Backups with the same key were made in the same one."""

    adjective: str
    noun: str
    key: Callable[[dt.datetime], Hashable]  # of a local time


PERIODS = (
    Period("hourly", "hour", lambda local: (local.date(), local.hour)),
    Period("daily", "day", lambda local: local.date()),
    Period("weekly", "week", lambda local: local.isocalendar()[:2]),
    Period("monthly", "month", lambda local: (local.year, local.month)),
    Period("yearly", "year", lambda local: local.year),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the rules look at in a backup."""

    id: SnapshotId
    time: dt.datetime
    good: bool = True  # nothing is missing in it
    tags: frozenset[str] = frozenset()
    keep_until: dt.datetime | None = None  # stands outside of the rules, and is kept until then


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one backup, and all reasons."""

    candidate: Candidate
    keep: bool
    why: tuple[str, ...]


def decide(
    group: Iterable[Candidate],
    policy: RetentionPolicy,
    *,
    now: dt.datetime,
    zone: dt.tzinfo | None = None,
    even_the_last: bool = False,
) -> list[Decision]:
    """One decision for each backup of a group, newest first.

    Days, weeks and so on are those of `zone` (None: this machine's). `even_the_last` gives up the last good one too, if no
    rule keeps it.
    """
    newest_first = sorted(group, key=lambda one: (one.time, one.id), reverse=True)
    reasons: dict[SnapshotId, list[str]] = defaultdict(list)
    for one, reason in _Group(newest_first, policy, now, zone).reasons(even_the_last=even_the_last):
        reasons[one.id].append(reason)
    return [
        Decision(one, keep=True, why=tuple(reasons[one.id]))
        if one.id in reasons
        else Decision(one, keep=False, why=(_no_reason(one, zone),))
        for one in newest_first
    ]


class _Group:
    def __init__(
        self, newest_first: Sequence[Candidate], policy: RetentionPolicy, now: dt.datetime, zone: dt.tzinfo | None
    ) -> None:
        self._policy = policy
        self._now = now
        self._zone = zone
        self._future = [one for one in newest_first if one.time > now + _CLOCK_ERROR]
        present = newest_first[len(self._future) :]
        self._expiring = [one for one in present if one.keep_until is not None]
        ordinary = [one for one in present if one.keep_until is None]
        # What must never be lost: the newest good one, or the newest of a group that has no good one.
        choices = (*filter(_is_good, ordinary), *filter(_is_good, present), *ordinary, *present)
        self._last = next(iter(choices), None)
        self._ordinary = ordinary
        self._fresh_partial = [one for one in ordinary if self._is_fresh_partial(one)]
        self._ruled = [one for one in ordinary if not self._is_fresh_partial(one)]
        # Slots are for good backups, unless there is none.
        self._solid = [*filter(_is_good, self._ruled)] or self._ruled

    def _is_fresh_partial(self, one: Candidate) -> bool:
        return self._last is not None and self._last.good and not one.good and one.time > self._last.time

    def reasons(self, *, even_the_last: bool) -> Iterator[tuple[Candidate, str]]:
        yield from self._outside_of_rules()
        if self._last is not None and not even_the_last:
            yield self._last, "the last good one" if self._last.good else "the newest one, none is good"
        if self._policy.is_empty:
            for one in self._ordinary:
                yield one, "no rule was given"
        yield from self._by_last()
        for period, count in self._policy.periods():
            yield from self._by_period(period, count)
        yield from self._by_time()
        for one in self._ordinary:
            for tag in sorted(one.tags & self._policy.keep_tags):
                yield one, f"tag {tag}"

    def _outside_of_rules(self) -> Iterator[tuple[Candidate, str]]:
        for one in self._future:
            yield one, "dated in the future"
        for one in self._expiring:
            if one.keep_until is not None and one.keep_until > self._now:
                yield one, f"kept until {_minute(one.keep_until, self._zone)}"
        for one in self._fresh_partial:
            yield one, "partial, newer than the last good one"

    def _by_last(self) -> Iterator[tuple[Candidate, str]]:
        count = self._policy.keep_last or 0
        for taken, one in enumerate(self._solid, 1):
            if taken <= count or count == UNLIMITED:
                yield one, _slot("last", taken, count)

    def _by_period(self, period: Period, count: int) -> Iterator[tuple[Candidate, str]]:
        """The newest good one of each period until the slots are taken; while some are free, the oldest one too.

        A period without a good one has its newest partial one kept on the way, which takes no slot.
        """
        keys = {one.id: period.key(in_zone(one.time, self._zone)) for one in self._ruled}
        solid = {one.id for one in self._solid}
        of_solid = {keys[one.id] for one in self._solid}
        seen: set[Hashable] = set()
        taken = 0
        for one in self._ruled:
            if taken == count:
                return
            key, is_first = keys[one.id], keys[one.id] not in seen
            if one.id in solid and (is_first or one is self._solid[-1]):
                taken += 1
                seen.add(key)
                yield one, ("" if is_first else "the oldest one, ") + _slot(period.adjective, taken, count)
            elif key not in of_solid and is_first:
                seen.add(key)
                yield one, f"{period.adjective}, its {period.noun} has no good one"

    def _by_time(self) -> Iterator[tuple[Candidate, str]]:
        within = self._policy.keep_within
        if within is not None and self._last is not None:
            start = within.before(self._last.time, self._zone)
            for one in self._ordinary:
                if one.time > start:
                    yield one, f"within {within}"


def _is_good(one: Candidate) -> bool:
    return one.good


def _slot(rule: str, taken: int, count: int) -> str:
    return f"{rule} {taken}" if count == UNLIMITED else f"{rule} {taken} of {count}"


def _no_reason(one: Candidate, zone: dt.tzinfo | None) -> str:
    if one.keep_until is not None:
        return f"was kept until {_minute(one.keep_until, zone)}"
    return "no rule keeps it"


def _minute(moment: dt.datetime, zone: dt.tzinfo | None) -> str:
    return f"{in_zone(moment, zone):%Y-%m-%d %H:%M}"
