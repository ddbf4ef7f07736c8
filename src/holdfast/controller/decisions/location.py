"""A StorageLocation: whether it can be used, and the CronJobs that look after its repository."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec

from holdfast.api.conditions import Condition, ConditionType
from holdfast.api.names import HASH_ANNOTATION, ROLE_LABEL, STORAGE_LOCATIONS
from holdfast.api.run_status import RunStatus
from holdfast.api.storage_location import Maintenance, StorageLocation, StorageLocationStatus
from holdfast.controller.actions import Action, Apply, Create, Decision, Tell
from holdfast.controller.allowed_locations import refused_location
from holdfast.controller.conditions import Conditions
from holdfast.controller.outcomes import DEADLINE_EXCEEDED, GOOD, HOLDUPS, describe, observe
from holdfast.controller.subject import (
    Blocked,
    Scene,
    all_but,
    copied,
    is_copy,
    look_into,
    moment,
    new_status,
    not_allowed,
    stamp,
)
from holdfast.controller.views import CronJob, Job, Pod
from holdfast.controller.world import Key
from holdfast.errors import UsageError
from holdfast.manifests import commands, naming
from holdfast.manifests.jobs import CRON_JOBS, JOBS, Timing, cron_job, run_job
from holdfast.manifests.naming import Role, location_cron_job
from holdfast.manifests.run_pod import Work
from holdfast.schedule.schedule import Schedule

_AGAIN_WHEN_READY = dt.timedelta(hours=1)
_AGAIN_WHEN_NOT = dt.timedelta(seconds=45)
_AGAIN_WHEN_LONG_NOT = dt.timedelta(minutes=5)
_LONG = dt.timedelta(minutes=15)
"""After so long without success a location is tried less often: each trial is a pod, and writes into a bucket."""
_MAINTENANCE_DEADLINE = 3600  # seconds


def decide_location(location: StorageLocation, scene: Scene) -> Decision:
    """What there is to do for a location now."""
    metadata = location.metadata
    if metadata.deletion_timestamp or scene.world.namespace_is_going(metadata.namespace):
        return Decision()
    return _LocationDecision(location, scene).make()


class _LocationDecision:
    def __init__(self, location: StorageLocation, scene: Scene) -> None:
        self._location = location
        self._scene = scene
        self._now = scene.now
        metadata = location.metadata
        self._key = Key(STORAGE_LOCATIONS.kind, metadata.namespace, metadata.name)
        self._status = msgspec.convert(msgspec.to_builtins(location.status), StorageLocationStatus)
        self._conditions = Conditions(location.status.conditions, metadata.generation, scene.now)
        self._actions: list[Action] = []
        self._again: list[dt.datetime] = []
        self._jobs = scene.world.made_for(self._key, Job)
        self._cron_jobs = {one.metadata.name: one for one in scene.world.made_for(self._key, CronJob)}

    def make(self) -> Decision:
        blocked = self._blocked()
        if blocked is not None:
            self._conditions.set(ConditionType.READY, False, blocked.reason, blocked.message)
            self._actions += all_but((), self._cron_jobs)
        else:
            self._actions += stamp(self._location.metadata)
            self._note_results()
            self._test()
            self._maintain()
        self._status.notified = self._scene.known.told.get(self._key, self._status.notified)
        self._status.observed_generation = self._location.metadata.generation
        self._status.conditions = self._conditions.all
        self._actions += new_status(self._location.status, self._status)
        return Decision(self._actions, min(self._again, default=None))

    def _blocked(self) -> Blocked | None:
        if is_copy(self._location.metadata):
            return copied(self._location.kind)
        world = self._scene.world
        refused = refused_location(self._location, world.all(StorageLocation), self._scene.installation.namespace)
        return not_allowed(refused) if refused is not None else None

    def _note_results(self) -> None:
        """What tests found since the last look. Other runs tell of what they did, which is not how the repository is."""
        pods = self._scene.world.made_for(self._key, Pod)
        for one in self._jobs:
            if one.metadata.labels.get(ROLE_LABEL) != Role.TEST:
                continue
            observed = observe(one, [pod for pod in pods if pod.job == one.metadata.name], self._scene.known)
            if observed.run.outcome:
                if one.ended_at > self._status.last_checked:
                    self._note(observed.run, one.ended_at)
                continue
            self._hold_up(one, observed.run)
            if observed.look is not None:
                looks, again = look_into(one, observed.look, self._now)
                self._actions += looks
                self._again.append(again)

    def _note(self, run: RunStatus, ended_at: str) -> None:
        self._status.backups = run.counts.get("backups", self._status.backups)
        self._status.stored_bytes = run.bytes.get("stored", self._status.stored_bytes)
        was = self._conditions.get(ConditionType.READY)
        self._status.last_checked = ended_at
        self._status.repository = run.id or self._status.repository
        if was is not None and was.reason in HOLDUPS and run.reason == DEADLINE_EXCEEDED:
            return  # its pod did not begin, and why is told already
        if run.outcome in GOOD:
            self._conditions.set(ConditionType.READY, True, "Tested", "Written, read, listed and deleted.")
        else:
            self._conditions.set(ConditionType.READY, False, run.reason or "TestFailed", describe(run))
        self._tell_change(was)

    def _hold_up(self, one: Job, run: RunStatus) -> None:
        if run.reason:
            was = self._conditions.get(ConditionType.READY)
            self._conditions.set(ConditionType.READY, False, run.reason, describe(run))
            self._tell_change(was)
        elif self._conditions.get(ConditionType.READY) is None:
            self._conditions.set(ConditionType.READY, None, "Testing", f"The Job {one.metadata.name} tries it.")

    def _tell_change(self, was: Condition | None) -> None:
        ready = self._conditions.get(ConditionType.READY)
        assert ready is not None
        if was is not None and was.status == ready.status:
            return
        if ready.status == "True":
            self._actions.append(Tell("Normal", "LocationReady", ready.message))
        else:
            self._actions.append(Tell("Warning", "LocationNotReady", f"{ready.reason}: {ready.message}"))

    def _test(self) -> None:
        """A Job now, if one is due."""
        if any(not one.has_ended for one in self._jobs if one.metadata.labels.get(ROLE_LABEL) == Role.TEST):
            return
        last = moment(self._status.last_checked)
        due = last + self._interval() if last is not None else self._now
        changed = self._location.status.observed_generation != self._location.metadata.generation
        refused = self._scene.known.refusals.get(self._key)
        if refused is not None:
            self._conditions.set(ConditionType.READY, False, refused.reason, refused.message)
            due = max(due, refused.at + _AGAIN_WHEN_NOT)
        if not changed and self._now < due:
            self._again.append(due)
            return
        if self._conditions.get(ConditionType.READY) is None:
            self._conditions.set(ConditionType.READY, None, "Testing", "It is being tried.")
        metadata = self._location.metadata
        name = naming.job("test", self._key.name, f"{metadata.uid} {metadata.generation} {self._status.last_checked}")
        work = self._work(Role.TEST, commands.test_location(), self._location.spec.secret)
        self._actions.append(Create(JOBS, run_job(name, self._location.metadata, work, self._scene.installation)))
        self._again.append(self._now + _AGAIN_WHEN_NOT)

    def _interval(self) -> dt.timedelta:
        ready = self._conditions.get(ConditionType.READY)
        if ready is None or ready.status != "False":
            return _AGAIN_WHEN_READY
        since = moment(ready.last_transition_time) or self._now
        return _AGAIN_WHEN_NOT if self._now - since < _LONG else _AGAIN_WHEN_LONG_NOT

    def _maintain(self) -> None:
        maintenance = self._location.spec.maintenance
        names = set()
        for role, cron, suspend, command in _maintenance_runs(maintenance) if maintenance is not None else ():
            assert maintenance is not None
            try:
                schedule = Schedule.parse(cron, maintenance.time_zone, f"{self._location.metadata.full_name}/{role}")
            except UsageError as error:
                message = f"maintenance, {role}: {error.what}: {error.why}. {error.next}"
                self._conditions.set(ConditionType.READY, False, "InvalidSpec", message)
                continue
            timing = Timing(
                cron=schedule.cron,
                time_zone=maintenance.time_zone,
                suspend=suspend,
                starting_deadline=_MAINTENANCE_DEADLINE,
            )
            secret = maintenance.secret or self._location.spec.secret
            body = cron_job(
                location_cron_job(self._key.name, role),
                self._location.metadata,
                self._work(role, command, secret, maintenance.service_account_name),
                timing,
                self._scene.installation,
            )
            names.add(body["metadata"]["name"])
            live = self._cron_jobs.get(body["metadata"]["name"])
            wanted = body["metadata"]["annotations"][HASH_ANNOTATION]
            if live is None or live.metadata.annotations.get(HASH_ANNOTATION) != wanted:
                self._actions.append(Apply(CRON_JOBS, body))
        self._actions += all_but(names, self._cron_jobs)

    def _work(self, role: Role, command: list[str], secret: str, service_account: str = "default") -> Work:
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=role,
            command=command,
            url=self._location.spec.url,
            secret=secret,
            service_account=service_account,
            settings=self._location.spec.pod,
        )


def _maintenance_runs(maintenance: Maintenance) -> Iterator[tuple[Role, str, bool, list[str]]]:
    """Role, schedule, whether it is suspended, and the command."""
    yield Role.FORGET, maintenance.forget_schedule, False, commands.tidy()
    if maintenance.prune is not None:
        yield Role.PRUNE, maintenance.prune.schedule, maintenance.prune.suspend, commands.prune(maintenance.prune)
    if maintenance.check is not None:
        yield Role.CHECK, maintenance.check.schedule, maintenance.check.suspend, commands.check(maintenance.check)
