"""What a run of a plan adds to a backup: which plan and scheduled time it is of, and what follows from earlier ones.

A scheduled run is keyed by cluster, plan and the time that the schedule meant, one by hand by the Job it may be in: a second one
of the same key makes nothing if the first one made a good backup. Pure decisions on a catalog.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.api.conditions import timestamp
from holdfast.model import tags
from holdfast.model.backup import BackupType
from holdfast.model.plan_name import PlanName
from holdfast.model.run import Outcome
from holdfast.model.span import Span
from holdfast.operations.catalog import Catalog, Entry
from holdfast.operations.run_key import made_by_job


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRun:
    """A `holdfast.operations.run_key.RunKey`. `scheduled` is None for runs by hand, which may be in a Job all the same;
    `full_every` where only the plan's type counts.
    """

    plan: PlanName
    scheduled: dt.datetime | None = None
    job: str = ""
    full_every: Span | None = None
    zone: dt.tzinfo = dt.UTC  # of the plan's schedule: whose days `full_every` counts

    @property
    def tags(self) -> dict[str, str]:
        return {tags.PLAN: str(self.plan), tags.SCHEDULED: self.scheduled_at, tags.JOB: self.job}

    @property
    def scheduled_at(self) -> str:
        """`2026-11-26T02:00:00Z`; "" for runs by hand."""
        return timestamp(self.scheduled) if self.scheduled else ""

    def base_name(self, started: dt.datetime) -> str:
        """What the backup is called if nothing else is called so: `nightly-20261126-0200`, by hand with seconds."""
        if self.scheduled is not None:
            return f"{self.plan.name}-{self.scheduled.astimezone(dt.UTC):%Y%m%d-%H%M}"
        return f"{self.plan.name}-{started:%Y%m%d-%H%M%S}"

    def made(self, catalog: Catalog, hostname: str) -> Entry | None:
        """The good backup that there is of this scheduled time, or else of this Job."""
        if self.scheduled is None:
            return made_by_job(catalog, hostname, self.job) if self.job else None
        return next((one for one in self._good(catalog, hostname) if scheduled_time(one) == self.scheduled), None)

    def is_full_due(self, catalog: Catalog, hostname: str, now: dt.datetime) -> bool:
        """Whether the newest good full backup of this plan is too old, or there is none.

        Scheduled times are compared where they are known: what begins some seconds earlier than last week is due as well.
        """
        if self.full_every is None:
            return False
        fulls = [one for one in self._good(catalog, hostname) if one.tags.get(tags.TYPE) == BackupType.FULL]
        times = [scheduled_time(one) or one.time for one in fulls]
        return not times or self.full_every.after(max(times), self.zone) <= (self.scheduled or now)

    def _good(self, catalog: Catalog, hostname: str) -> Iterator[Entry]:
        for entry in catalog.backups:
            of = (entry.tags.get(tags.PLAN), entry.snapshot.hostname)
            if of == (str(self.plan), hostname) and entry.outcome is Outcome.DONE:
                yield entry


def scheduled_time(entry: Entry) -> dt.datetime | None:
    """The time that the schedule meant; None for runs by hand, and if nobody can read it."""
    with contextlib.suppress(ValueError):
        moment = dt.datetime.fromisoformat(entry.tags.get(tags.SCHEDULED))
        return moment if moment.tzinfo else None
    return None
