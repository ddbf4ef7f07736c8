"""A BackupPlan: its CronJobs, what became of their runs, and what was missed."""

from __future__ import annotations

import datetime as dt

import msgspec

from holdfast.api.backup_plan import BackupPlan, BackupPlanStatus
from holdfast.api.conditions import ConditionType, find, timestamp
from holdfast.api.names import BACKUP_PLANS
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Action, Create, Decision, Look, Tell
from holdfast.controller.conditions import Conditions
from holdfast.controller.decisions.plan_cron_jobs import PlanCronJobs
from holdfast.controller.decisions.plan_runs import PlanRuns
from holdfast.controller.outcomes import GOOD
from holdfast.controller.subject import (
    Blocked,
    Scene,
    copied,
    is_copy,
    location_for,
    moment,
    new_status,
    stamp,
)
from holdfast.controller.world import Key
from holdfast.errors import UsageError
from holdfast.manifests.jobs import JOBS, run_job
from holdfast.manifests.naming import job, plan_cron_job
from holdfast.model.span import Span
from holdfast.schedule.schedule import Schedule

_LATENESS = dt.timedelta(seconds=30)
"""How long after a starting deadline a run that does not exist is missed: the CronJob controller looks every ten seconds."""
_SECOND = dt.timedelta(seconds=1)


def decide_plan(plan: BackupPlan, scene: Scene) -> Decision:
    """What there is to do for a plan now."""
    metadata = plan.metadata
    if metadata.deletion_timestamp or scene.world.namespace_is_going(metadata.namespace):
        return Decision()
    return _PlanDecision(plan, scene).make()


class _PlanDecision:
    def __init__(self, plan: BackupPlan, scene: Scene) -> None:
        self._plan = plan
        self._scene = scene
        self._now = scene.now
        self._key = Key(BACKUP_PLANS.kind, plan.metadata.namespace, plan.metadata.name)
        self._name = plan.metadata.full_name
        self._status = msgspec.convert(msgspec.to_builtins(plan.status), BackupPlanStatus)
        self._conditions = Conditions(plan.status.conditions, plan.metadata.generation, scene.now)
        self._actions: list[Action] = []
        self._again: list[dt.datetime] = []
        self._cron_jobs = PlanCronJobs(plan, self._key, scene)
        self._runs = PlanRuns(self._key, self._status, self._conditions, scene)

    def make(self) -> Decision:
        self._runs.note()
        ready = self._schedule()
        if isinstance(ready, Blocked):
            self._conditions.set(ConditionType.READY, False, ready.reason, ready.message)
        self._runs.judge_health()
        self._status.notified = self._scene.known.told.get(self._key, self._status.notified)
        self._status.observed_generation = self._plan.metadata.generation
        self._status.conditions = self._conditions.all
        actions = [*self._runs.actions, *self._cron_jobs.actions, *self._actions]
        return Decision(
            actions + new_status(self._plan.status, self._status),
            min([*self._again, *self._runs.again], default=None),
        )

    def _schedule(self) -> Blocked | None:
        """Brings the CronJobs to what the plan says, or tells why that cannot be."""
        plan = self._plan
        if is_copy(plan.metadata):
            self._status.next_run = ""
            return copied(plan.kind)
        try:
            schedule = Schedule.parse(plan.spec.schedule, plan.spec.time_zone, self._name)
            plan.spec.backup.selection  # noqa: B018 - raises if it contradicts itself
            if plan.spec.full_every:
                Span.parse(plan.spec.full_every, "fullEvery")
            if plan.spec.retention is not None:
                plan.spec.retention.policy  # noqa: B018 - the same
        except UsageError as error:
            return Blocked("InvalidSpec", f"{error.what}: {error.why}. {error.next}")
        location = location_for(self._scene, plan.metadata.namespace, plan.spec.location)
        if isinstance(location, Blocked):
            if location.reason == "LocationNotAllowed":
                self._cron_jobs.remove()
                self._status.next_run = ""
            return location
        self._actions += stamp(plan.metadata)
        self._cron_jobs.write(schedule, location)
        self._status.cron, self._status.cron_job = schedule.cron, plan_cron_job(plan.metadata.name)
        self._look_ahead(schedule)
        self._forget_after_runs(location)
        return self._readiness(location)

    def _readiness(self, location: StorageLocation) -> Blocked | None:
        """Sets Ready, or says what is not as it should be although runs are scheduled."""
        refused = self._scene.known.refusals.get(self._key)
        if refused is not None:
            return Blocked(refused.reason, refused.message)
        ready = find(location.status.conditions, ConditionType.READY)
        if ready is not None and ready.status == "False":
            return Blocked("LocationNotReady", f"{location.metadata.name}: {ready.message}")
        if self._plan.spec.suspend:
            self._conditions.set(ConditionType.READY, True, "Suspended", "The plan is paused; runs by hand go on.")
            return None
        note = ""
        if self._plan.spec.retention is not None and location.spec.maintenance is None:
            note = (
                " Nothing is forgotten by schedule, because the location has no `maintenance`; "
                "set it, or run `holdfast backup forget` yourself."
            )
        self._conditions.set(
            ConditionType.READY, True, "Scheduled", f"The CronJob {self._status.cron_job} runs it.{note}"
        )
        return None

    def _look_ahead(self, schedule: Schedule) -> None:
        """Next run, and whether the one that should have begun did."""
        if self._plan.spec.suspend:
            self._status.next_run = ""
            return
        live = self._cron_jobs.live
        began = moment(live.status.last_schedule_time) if live is not None else None
        anchor = began or self._cron_jobs.in_force  # from what `@every` counts
        # A run at an earlier time cannot be missed. It mostly has none after it until now: one look then says all.
        earliest = max(self._cron_jobs.in_force - _SECOND, began or self._cron_jobs.in_force - _SECOND)
        last, following = None, schedule.next_after(min(earliest, self._now), anchor)
        if following is not None and following <= self._now:
            last, following = schedule.latest_before(self._now, anchor), schedule.next_after(self._now, anchor)
        self._status.next_run = timestamp(following) if following else ""
        deadline = dt.timedelta(seconds=self._plan.spec.starting_deadline_seconds) + _LATENESS
        if following is not None:
            self._again.append(following + deadline)
        if last is None or live is None:
            return
        if self._now < last + deadline:
            self._again.append(last + deadline)
            return
        if self._status.missed == timestamp(last):
            return
        if self._runs.is_going_on:
            why = "the run before was still going on, and two at once are not allowed"
        else:
            why = self._scene.known.events.get(Look("CronJob", self._key.namespace, live.metadata.name), "")
            if not why:
                self._actions.append(Look("CronJob", self._key.namespace, live.metadata.name))
                why = "no Job was made within the starting deadline"
        self._status.missed = timestamp(last)
        self._status.failures += 1
        self._actions.append(Tell("Warning", "RunMissed", f"The run of {timestamp(last)} did not begin: {why}."))

    def _forget_after_runs(self, location: StorageLocation) -> None:
        """One Job of `backup forget` after each good run."""
        last = self._status.last_run
        spec = self._plan.spec
        if spec.retention is None or location.spec.maintenance is None or last is None or last.outcome not in GOOD:
            return
        name = job("forget", self._key.name, f"{self._plan.metadata.uid} {last.job}")
        finished = moment(last.finished_at)
        is_old = finished is None or finished < self._now - dt.timedelta(hours=1)
        done = self._status.retention is not None and self._status.retention.job == name
        if is_old or done or any(one.metadata.name == name for one in self._runs.jobs):
            return
        self._actions.append(
            Create(
                JOBS,
                run_job(name, self._plan.metadata, self._cron_jobs.forget_work(location), self._scene.installation),
            )
        )
