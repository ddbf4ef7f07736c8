"""A Backup or Restore: one Job, and what became of it. Once it is Complete or Failed it never runs again."""

from __future__ import annotations

import datetime as dt

import msgspec

from holdfast.api.backup import Backup, BackupStatus
from holdfast.api.conditions import ConditionType
from holdfast.api.names import BACKUPS, FINALIZER
from holdfast.api.restore import Restore
from holdfast.api.run_status import RunStatus
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Action, Create, Decision, SetMetadata, Tell
from holdfast.controller.conditions import Conditions
from holdfast.controller.outcomes import GOOD, Observed, describe, observe
from holdfast.controller.subject import Blocked, Scene, copied, is_copy, location_for, look_into, new_status, stamp
from holdfast.controller.views import Job, Pod
from holdfast.controller.world import Key
from holdfast.errors import UsageError
from holdfast.manifests import commands, naming
from holdfast.manifests.jobs import JOBS, run_job
from holdfast.manifests.naming import Role
from holdfast.manifests.run_pod import Work
from holdfast.model.run import Outcome

_RETRY = dt.timedelta(seconds=30)
_LET_GO = "Set deletionPolicy to Retain to let the object go and the data stay."
_WAIT_FOR = frozenset(("LocationNotFound",))
"""What may come right by itself: the order in which manifests are applied is nobody's fault."""


def decide_request(request: Backup | Restore, scene: Scene) -> Decision:
    """What there is to do for a Backup or Restore now."""
    return _RequestDecision(request, scene).make()


class _RequestDecision:
    def __init__(self, request: Backup | Restore, scene: Scene) -> None:
        self._request = request
        self._scene = scene
        self._now = scene.now
        metadata = request.metadata
        self._key = Key(request.kind, metadata.namespace, metadata.name)
        self._status = msgspec.convert(msgspec.to_builtins(request.status), BackupStatus)
        self._conditions = Conditions(request.status.conditions, metadata.generation, scene.now)
        self._actions: list[Action] = []
        self._again: dt.datetime | None = None
        self._jobs = {one.metadata.name: one for one in scene.world.made_for(self._key, Job)}

    def make(self) -> Decision:
        if self._request.metadata.deletion_timestamp:
            self._delete()
        elif self._scene.world.namespace_is_going(self._key.namespace):
            return Decision()
        elif not self._is_over:
            self._run()
        else:
            self._hold_data()
        self._status.observed_generation = self._request.metadata.generation
        self._status.conditions = self._conditions.all
        self._actions += new_status(self._request.status, self._status)
        return Decision(self._actions, self._again)

    @property
    def _is_over(self) -> bool:
        return self._conditions.is_true(ConditionType.COMPLETE) or self._conditions.is_true(ConditionType.FAILED)

    def _run(self) -> None:
        if is_copy(self._request.metadata):
            self._fail(copied(self._request.kind))
            self._status.phase = "Copied"
            return
        self._actions += stamp(self._request.metadata)
        self._hold_data()
        name = self._job_name()
        existing = self._jobs.get(name)
        if existing is not None:
            self._follow(existing)
        elif self._status.job == name:
            self._fail(
                Blocked("JobDeleted", f"The Job {name} was deleted before it ended. Create a new {self._key.kind}.")
            )
        else:
            self._begin(name)

    def _begin(self, name: str) -> None:
        location = location_for(self._scene, self._key.namespace, self._request.spec.location)
        if isinstance(location, Blocked):
            if location.reason in _WAIT_FOR:
                self._wait(location)
            else:
                self._fail(location)
            return
        try:
            self._request.spec.selection  # noqa: B018 - raises if it contradicts itself
            work = self._work(location)
        except UsageError as error:
            self._fail(Blocked("InvalidSpec", f"{error.what}: {error.why}. {error.next}"))
            return
        refused = self._scene.known.refusals.get(self._key)
        if refused is not None:
            self._wait(Blocked(refused.reason, f"{refused.message} It is tried again every {_RETRY.seconds} s."))
            if self._now < refused.at + _RETRY:
                self._again = refused.at + _RETRY
                return
        self._actions.append(Create(JOBS, run_job(name, self._request.metadata, work, self._scene.installation)))

    def _work(self, location: StorageLocation) -> Work:
        """Raises UsageError."""
        request = self._request
        if isinstance(request, Backup):
            role, command = Role.BACKUP, commands.back_up(backup_name(request), request.spec)
        else:
            role, command = Role.RESTORE, commands.restore(self._backup_to_restore(request), request.spec)
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=role,
            command=command,
            url=location.spec.url,
            secret=location.spec.secret,
            service_account=request.spec.service_account_name,
            settings=request.spec.pod,
        )

    def _backup_to_restore(self, request: Restore) -> str:
        """A Backup object of that name stands for the backup that it made."""
        named = self._scene.world.get(Backup, self._key.namespace, request.spec.backup)
        if named is not None and named.status.run is not None and named.spec.location == request.spec.location:
            return named.status.run.id or request.spec.backup
        return request.spec.backup

    def _follow(self, existing: Job) -> None:
        pods = [pod for pod in self._scene.world.made_for(self._key, Pod) if pod.job == existing.metadata.name]
        observed = observe(existing, pods, self._scene.known)
        self._status.job, self._status.run = existing.metadata.name, observed.run
        if observed.run.outcome:
            self._end(observed.run)
            return
        self._show_progress(existing, observed, runs=any(pod.status.phase == "Running" for pod in pods))

    def _show_progress(self, existing: Job, observed: Observed, *, runs: bool) -> None:
        run = observed.run
        if observed.look is not None:
            looks, self._again = look_into(existing, observed.look, self._now)
            self._actions += looks
        self._status.phase = "Running" if runs else "Pending"
        reason = run.reason or self._status.phase
        message = describe(run) if run.errors else f"The Job {existing.metadata.name} runs it."
        self._conditions.set(ConditionType.COMPLETE, False, reason, message)

    def _end(self, run: RunStatus) -> None:
        kind = self._key.kind
        if run.outcome not in GOOD:
            self._fail(Blocked(run.reason or "RunFailed", describe(run)))
            return
        is_partial = run.outcome == Outcome.PARTIAL
        self._status.phase = "Partial" if is_partial else "Done"
        reason = "Partial" if is_partial else "Done"
        message = describe(run) if is_partial else f"{run.name or run.id} is done."
        self._conditions.set(ConditionType.COMPLETE, True, reason, message)
        self._conditions.set(ConditionType.FAILED, False, reason)
        self._actions.append(Tell("Warning" if is_partial else "Normal", f"{kind}{reason}", message))

    def _fail(self, why: Blocked) -> None:
        self._status.phase = "Failed"
        self._conditions.set(ConditionType.FAILED, True, why.reason, why.message)
        self._conditions.set(ConditionType.COMPLETE, False, why.reason, why.message)
        self._actions.append(Tell("Warning", f"{self._key.kind}Failed", f"{why.reason}: {why.message}"))

    def _wait(self, why: Blocked) -> None:
        self._status.phase = "Pending"
        self._conditions.set(ConditionType.COMPLETE, False, why.reason, why.message)

    def _job_name(self) -> str:
        return naming.job(self._key.kind, self._key.name, self._request.metadata.uid)

    def _hold_data(self) -> None:
        """The finalizer of a Backup whose data goes with it; only if there is data."""
        request = self._request
        if not isinstance(request, Backup):
            return
        has = FINALIZER in request.metadata.finalizers
        wants = request.spec.deletion_policy == "Delete" and not is_copy(request.metadata)
        if wants and not has:
            self._actions.append(SetMetadata({"finalizers": [*request.metadata.finalizers, FINALIZER]}))
        elif has and not wants:
            self._release()

    def _release(self) -> None:
        rest = [one for one in self._request.metadata.finalizers if one != FINALIZER]
        self._actions.append(SetMetadata({"finalizers": rest}))

    def _delete(self) -> None:
        """Data is deleted only for a Backup that says so, one at a time, never because its namespace goes."""
        request = self._request
        if not isinstance(request, Backup) or FINALIZER not in request.metadata.finalizers:
            return
        run = self._status.run
        made = run.id if run is not None and run.outcome in GOOD else ""
        if not made or self._scene.world.namespace_is_going(self._key.namespace) or is_copy(request.metadata):
            self._release()
            return
        name = naming.job("delete", self._key.name, request.metadata.uid)
        existing = self._jobs.get(name)
        if existing is not None and existing.has_succeeded:
            self._release()
            return
        if existing is not None and existing.has_ended:
            observed = observe(existing, self._scene.world.made_for(self._key, Pod), self._scene.known)
            message = (
                f"The data cannot be deleted: {describe(observed.run)} Delete the Job {name} to try again. {_LET_GO}"
            )
            self._conditions.set(ConditionType.FAILED, True, "DeletionFailed", message)
            return
        self._status.phase = "Deleting"
        if existing is None:
            self._delete_data(name, made)

    def _delete_data(self, name: str, backup_id: str) -> None:
        location = location_for(self._scene, self._key.namespace, self._request.spec.location)
        if isinstance(location, Blocked):
            self._conditions.set(ConditionType.FAILED, True, location.reason, f"{location.message} {_LET_GO}")
            return
        maintenance = location.spec.maintenance
        work = Work(
            kind=BACKUPS.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=Role.DELETE,
            command=commands.delete(backup_id),
            url=location.spec.url,
            secret=(maintenance.secret if maintenance is not None else "") or location.spec.secret,
            settings=location.spec.pod,
        )
        self._actions.append(Create(JOBS, run_job(name, self._request.metadata, work, self._scene.installation)))


def backup_name(request: Backup) -> str:
    """`before-upgrade-3f9c2`: names of backups are unique in a repository, those of objects only while they exist."""
    return f"{request.metadata.name}-{request.metadata.uid[:5]}"
