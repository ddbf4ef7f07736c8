"""Which points in time a plan will have backups of, when its rules have been at work for long: for people who choose rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from holdfast.ids import SnapshotId
from holdfast.model.retention import Candidate, Decision, RetentionPolicy, decide

_UNJUDGED = 200
"""Backups that come together before the rules look at all again. They keep the same whether they look after each or later."""


def forecast(times: Iterable[dt.datetime], policy: RetentionPolicy, *, zone: dt.tzinfo | None = None) -> list[Decision]:
    """The backups that are there after the last of `times`, newest first, each with its reasons.

    `times` are those of a schedule, oldest first; each makes a good backup, and forgets. Days, weeks and so on are those
    of `zone` (None: this machine's). Costs a pass over the backups that stay for each 200 times.
    """
    there: list[Candidate] = []
    unjudged = 0
    for time in times:
        there.append(Candidate(id=SnapshotId.of(time.isoformat().encode()), time=time))
        unjudged += 1
        if unjudged == _UNJUDGED:
            there = [one.candidate for one in reversed(_kept(there, policy, zone))]
            unjudged = 0
    return _kept(there, policy, zone)


def _kept(there: list[Candidate], policy: RetentionPolicy, zone: dt.tzinfo | None) -> list[Decision]:
    if not there:
        return []
    return [one for one in decide(there, policy, now=there[-1].time, zone=zone) if one.keep]
