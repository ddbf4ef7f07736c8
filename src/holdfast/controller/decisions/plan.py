"""A BackupPlan: its CronJobs, what became of their runs, and what was missed."""

from __future__ import annotations

import datetime as dt

import msgspec

from holdfast.api.backup_plan import BackupPlan, BackupPlanStatus
from holdfast.api.conditions import ConditionType, timestamp
from holdfast.api.names import BACKUP_PLANS, HASH_ANNOTATION, ROLE_LABEL, SINCE_ANNOTATION
from holdfast.api.run_status import RunStatus
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Action, Apply, Create, Decision, Delete, Look, Tell
from holdfast.controller.conditions import Conditions
from holdfast.controller.outcomes import observe
from holdfast.controller.subject import (
    Blocked,
    Scene,
    copied,
    is_copy,
    location_for,
    look_into,
    moment,
    new_status,
    stamp,
)
from holdfast.controller.views import CronJob, Job, Pod
from holdfast.controller.world import Key
from holdfast.errors import UsageError
from holdfast.manifests import commands
from holdfast.manifests.jobs import CRON_JOBS, JOBS, Timing, cron_job, run_job
from holdfast.manifests.naming import Role, job, plan_cron_job
from holdfast.manifests.run_pod import Work
from holdfast.model.run import Outcome
from holdfast.model.span import Span
from holdfast.schedule.schedule import Schedule

GOOD = frozenset((Outcome.DONE.value, Outcome.PARTIAL.value))
_RECENT = 10
_LATENESS = dt.timedelta(seconds=30)
"""How long after a starting deadline a run that does not exist is missed: the CronJob controller looks every ten seconds."""
_FORGET_DEADLINE = 3600  # seconds
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
        self._in_force = scene.now  # since when the CronJob has the times that it has
        self._cron_jobs = {one.metadata.name: one for one in scene.world.made_for(self._key, CronJob)}
        self._jobs = scene.world.made_for(self._key, Job)

    def make(self) -> Decision:
        self._note_runs()
        ready = self._schedule()
        if isinstance(ready, Blocked):
            self._conditions.set(ConditionType.READY, False, ready.reason, ready.message)
        self._judge_health()
        self._status.notified = self._scene.known.told.get(self._key, self._status.notified)
        self._status.observed_generation = self._plan.metadata.generation
        self._status.conditions = self._conditions.all
        self._actions += new_status(self._plan.status, self._status)
        return Decision(self._actions, min(self._again, default=None))

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
                self._remove_cron_jobs()
            return location
        self._actions += stamp(plan.metadata)
        self._write_cron_jobs(schedule, location)
        self._status.cron, self._status.cron_job = schedule.cron, plan_cron_job(plan.metadata.name)
        self._look_ahead(schedule)
        self._forget_after_runs(location)
        return self._readiness(location)

    def _write_cron_jobs(self, schedule: Schedule, location: StorageLocation) -> None:
        spec = self._plan.spec
        timing = Timing(
            cron=schedule.cron,
            time_zone=spec.time_zone,
            suspend=spec.suspend,
            starting_deadline=spec.starting_deadline_seconds,
        )
        wanted = {Role.BACKUP: (timing, self._backup_work(location))}
        maintenance = location.spec.maintenance
        thinning = self._thinning(location) if spec.retention is not None else None
        if thinning is not None and maintenance is not None:
            timing = Timing(
                cron=thinning.cron,
                time_zone=maintenance.time_zone,
                suspend=spec.suspend,
                starting_deadline=_FORGET_DEADLINE,
            )
            wanted[Role.FORGET] = (timing, self._forget_work(location))
        names = set()
        for role, (when, work) in wanted.items():
            body = cron_job(
                plan_cron_job(self._plan.metadata.name, role),
                self._plan.metadata,
                work,
                when,
                self._scene.installation,
            )
            names.add(body["metadata"]["name"])
            live = self._cron_jobs.get(body["metadata"]["name"])
            since = body["metadata"]["annotations"][SINCE_ANNOTATION] = self._since(live, when)
            if role is Role.BACKUP:
                self._in_force = moment(since) or self._now
            if live is None or not _is_as_wanted(live, body):
                self._actions.append(Apply(CRON_JOBS, body))
        for name, live in self._cron_jobs.items():
            if name not in names:
                self._actions.append(Delete(CRON_JOBS, live.metadata.namespace, name, live.metadata.uid))

    def _thinning(self, location: StorageLocation) -> Schedule | None:
        """When the plan's backups are thinned out; None if the location does not say, or wrongly: then it is told there."""
        maintenance = location.spec.maintenance
        if maintenance is None:
            return None
        try:
            return Schedule.parse(maintenance.forget_schedule, maintenance.time_zone, self._name)
        except UsageError:
            return None

    def _since(self, live: CronJob | None, timing: Timing) -> str:
        """When the CronJob began to have these times; at earlier ones nothing was missed."""
        if live is not None and _times(live) == (timing.cron, timing.time_zone, timing.suspend):
            return live.metadata.annotations.get(SINCE_ANNOTATION, live.metadata.creation_timestamp)
        return timestamp(self._now)

    def _remove_cron_jobs(self) -> None:
        for live in self._cron_jobs.values():
            self._actions.append(Delete(CRON_JOBS, live.metadata.namespace, live.metadata.name, live.metadata.uid))
        self._status.next_run = ""

    def _backup_work(self, location: StorageLocation) -> Work:
        spec = self._plan.spec
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=Role.BACKUP,
            command=commands.back_up_plan(self._name),
            url=location.spec.url,
            secret=location.spec.secret,
            service_account=spec.service_account_name,
            settings=spec.pod,
        )

    def _forget_work(self, location: StorageLocation) -> Work:
        retention, maintenance = self._plan.spec.retention, location.spec.maintenance
        assert retention is not None
        assert maintenance is not None
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=Role.FORGET,
            command=commands.forget(self._name, self._scene.installation.cluster, retention, self._plan.spec.time_zone),
            url=location.spec.url,
            secret=maintenance.secret or location.spec.secret,
            service_account=maintenance.service_account_name,
            settings=location.spec.pod,
        )

    def _readiness(self, location: StorageLocation) -> Blocked | None:
        """Sets Ready, or says what is not as it should be although runs are scheduled."""
        refused = self._scene.known.refusals.get(self._key)
        if refused is not None:
            return Blocked(refused.reason, refused.message)
        ready = Conditions(location.status.conditions, 0, self._now).get(ConditionType.READY)
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
        live = self._cron_jobs.get(plan_cron_job(self._plan.metadata.name))
        began = moment(live.status.last_schedule_time) if live is not None else None
        anchor = began or self._in_force  # from what `@every` counts
        # A run at an earlier time cannot be missed. It mostly has none after it until now: one look then says all.
        earliest = max(self._in_force - _SECOND, began or self._in_force - _SECOND)
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
        if any(not one.has_ended for one in self._jobs if _role(one) == Role.BACKUP):
            why = "the run before was still going on, and two at once are not allowed"
        else:
            why = self._scene.known.events.get(Look("CronJob", self._key.namespace, live.metadata.name), "")
            if not why:
                self._actions.append(Look("CronJob", self._key.namespace, live.metadata.name))
                why = "no Job was made within the starting deadline"
        self._status.missed = timestamp(last)
        self._status.failures += 1
        self._actions.append(Tell("Warning", "RunMissed", f"The run of {timestamp(last)} did not begin: {why}."))

    def _note_runs(self) -> None:
        """Takes over what became of Jobs, newest first."""
        known = {run.job: run for run in self._status.recent}
        pods = self._scene.world.made_for(self._key, Pod)
        for one in self._jobs:
            role = _role(one)
            if role not in (Role.BACKUP, Role.FORGET):
                continue
            if one.has_ended and (one.metadata.name in known and known[one.metadata.name].outcome):
                continue
            observed = observe(one, [pod for pod in pods if pod.job == one.metadata.name], self._scene.known)
            if observed.look is not None:
                looks, again = look_into(one, observed.look, self._now)
                self._actions += looks
                self._again.append(again)
            if role == Role.FORGET:
                self._note_forget(observed.run)
                continue
            if len(self._status.recent) == _RECENT and _begin(observed.run) < _begin(self._status.recent[-1]):
                continue  # it was noted, and is older than all that is kept
            known[one.metadata.name] = observed.run
            if observed.run.outcome:
                self._note_end(observed.run)
        self._lose_vanished(known)
        recent = sorted(known.values(), key=_begin, reverse=True)
        self._status.recent = recent[:_RECENT]
        self._status.last_run = recent[0] if recent else None

    def _lose_vanished(self, known: dict[str, RunStatus]) -> None:
        """A run that was going on and whose Job is gone was lost: somebody deleted it."""
        present = {one.metadata.name for one in self._jobs}
        for name, run in known.items():
            if not run.outcome and name not in present:
                run.outcome, run.reason, run.finished_at = Outcome.FAILED.value, "JobDeleted", timestamp(self._now)
                self._note_end(run)

    def _note_end(self, run: RunStatus) -> None:
        if run.outcome in GOOD:
            self._status.failures = 0
            self._status.last_success = max(self._status.last_success, run.finished_at)
            words = "is done" if run.outcome == Outcome.DONE else "is partial; its report names what is missing"
            self._actions.append(
                Tell(
                    "Normal",
                    "BackupDone" if run.outcome == Outcome.DONE else "BackupPartial",
                    f"{run.name or run.job} {words}.",
                )
            )
        else:
            self._status.failures += 1
            self._actions.append(Tell("Warning", "BackupFailed", f"{run.job}: {describe(run)}"))

    def _note_forget(self, run: RunStatus) -> None:
        former = self._status.retention
        if not run.outcome or (former is not None and _is_noted(run, former)):
            return
        self._status.retention = run
        if run.reason == "TooManyRemovals":
            self._conditions.set(ConditionType.RETENTION_HELD, True, run.reason, describe(run))
            self._actions.append(Tell("Warning", "RetentionHeld", describe(run)))
        elif run.outcome in GOOD:
            self._conditions.drop(ConditionType.RETENTION_HELD)

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
        if is_old or done or any(one.metadata.name == name for one in self._jobs):
            return
        self._actions.append(
            Create(JOBS, run_job(name, self._plan.metadata, self._forget_work(location), self._scene.installation))
        )

    def _judge_health(self) -> None:
        status = self._status
        last = status.last_run
        missed = bool(status.missed) and status.missed > (_begin(last)[0] if last else "")
        if missed:
            message = (
                f"The run of {status.missed} did not begin. `kubectl describe cronjob {status.cron_job}` tells more."
            )
            self._conditions.set(ConditionType.HEALTHY, False, "RunMissed", message)
            return
        ended = next((run for run in status.recent if run.outcome), None)
        if last is not None and not last.outcome and last.reason:
            self._conditions.set(ConditionType.HEALTHY, False, last.reason, describe(last))
        elif ended is None:
            self._conditions.set(ConditionType.HEALTHY, None, "NoRunYet", "No run has ended yet.")
        elif ended.outcome == Outcome.DONE:
            self._conditions.set(ConditionType.HEALTHY, True, "LastRunDone")
        elif ended.outcome == Outcome.PARTIAL:
            self._conditions.set(ConditionType.HEALTHY, False, "LastRunPartial", describe(ended))
        else:
            self._conditions.set(ConditionType.HEALTHY, False, ended.reason or "LastRunFailed", describe(ended))


def _begin(run: RunStatus) -> tuple[str, str]:
    """By what runs are ordered."""
    return run.scheduled_at or run.started_at, run.job


def _is_noted(run: RunStatus, former: RunStatus) -> bool:
    """Also when the pod, with what it reported, is gone while the Job still is there."""
    return run.job == former.job or run.finished_at <= former.finished_at


def describe(run: RunStatus) -> str:
    """The first problem of a run, in one line."""
    if not run.errors:
        return f"The run ended with `{run.outcome or 'nothing'}`{f' ({run.reason})' if run.reason else ''}."
    first = run.errors[0]
    return " ".join(
        part for part in (f"{first.what}: {first.why}." if first.why else f"{first.what}.", first.next) if part
    )


def _role(one: Job) -> str:
    return one.metadata.labels.get(ROLE_LABEL, "")


def _is_as_wanted(live: CronJob, body: dict[str, object]) -> bool:
    """Whether nobody changed what the controller wrote; a person's `kubectl edit` of what matters is put back."""
    metadata, spec = body["metadata"], body["spec"]
    assert isinstance(metadata, dict)
    assert isinstance(spec, dict)
    same = live.metadata.annotations.get(HASH_ANNOTATION) == metadata["annotations"][HASH_ANNOTATION]
    return same and _times(live) == (spec["schedule"], spec["timeZone"], spec["suspend"])


def _times(live: CronJob) -> tuple[str, str, bool]:
    return live.spec.schedule, live.spec.time_zone, live.spec.suspend
