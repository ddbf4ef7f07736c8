"""What became of the runs of a plan: taken over from their Jobs into its status."""

from __future__ import annotations

import datetime as dt

from holdfast.api.backup_plan import BackupPlanStatus
from holdfast.api.conditions import ConditionType, timestamp
from holdfast.api.names import ROLE_LABEL
from holdfast.api.run_status import RunStatus
from holdfast.controller.actions import Action, Tell
from holdfast.controller.conditions import Conditions
from holdfast.controller.outcomes import GOOD, describe, observe
from holdfast.controller.subject import Scene, look_into
from holdfast.controller.views import Job, Pod
from holdfast.controller.world import Key
from holdfast.manifests.naming import Role
from holdfast.model.run import Outcome

_RECENT = 10


class PlanRuns:
    """Changes `status` and `conditions` in their places."""

    def __init__(self, key: Key, status: BackupPlanStatus, conditions: Conditions, scene: Scene) -> None:
        self.actions: list[Action] = []
        self.again: list[dt.datetime] = []
        self.jobs = scene.world.made_for(key, Job)
        self._key = key
        self._status = status
        self._conditions = conditions
        self._scene = scene

    @property
    def is_going_on(self) -> bool:
        """Whether a backup is."""
        return any(not one.has_ended for one in self.jobs if _role(one) == Role.BACKUP)

    def note(self) -> None:
        """Takes over what became of Jobs, newest first."""
        known = {run.job: run for run in self._status.recent}
        pods = self._scene.world.made_for(self._key, Pod)
        for one in self.jobs:
            role = _role(one)
            if role not in (Role.BACKUP, Role.FORGET):
                continue
            if one.has_ended and (one.metadata.name in known and known[one.metadata.name].outcome):
                continue
            observed = observe(one, [pod for pod in pods if pod.job == one.metadata.name], self._scene.known)
            if observed.look is not None:
                looks, again = look_into(one, observed.look, self._scene.now)
                self.actions += looks
                self.again.append(again)
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
        present = {one.metadata.name for one in self.jobs}
        for name, run in known.items():
            if not run.outcome and name not in present:
                run.outcome, run.reason, run.finished_at = (
                    Outcome.FAILED.value,
                    "JobDeleted",
                    timestamp(self._scene.now),
                )
                self._note_end(run)

    def _note_end(self, run: RunStatus) -> None:
        if run.outcome in GOOD:
            self._status.failures = 0
            self._status.last_success = max(self._status.last_success, run.finished_at)
            words = "is done" if run.outcome == Outcome.DONE else "is partial; its report names what is missing"
            self.actions.append(
                Tell(
                    "Normal",
                    "BackupDone" if run.outcome == Outcome.DONE else "BackupPartial",
                    f"{run.name or run.job} {words}.",
                )
            )
        else:
            self._status.failures += 1
            self.actions.append(Tell("Warning", "BackupFailed", f"{run.job}: {describe(run)}"))

    def _note_forget(self, run: RunStatus) -> None:
        former = self._status.retention
        if not run.outcome or (former is not None and _is_noted(run, former)):
            return
        self._status.retention = run
        if run.reason == "TooManyRemovals":
            self._conditions.set(ConditionType.RETENTION_HELD, True, run.reason, describe(run))
            self.actions.append(Tell("Warning", "RetentionHeld", describe(run)))
        elif run.outcome in GOOD:
            self._conditions.drop(ConditionType.RETENTION_HELD)

    def judge_health(self) -> None:
        """By the newest run, and by whether one was missed since."""
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


def _role(one: Job) -> str:
    return one.metadata.labels.get(ROLE_LABEL, "")
