"""What became of a run, from its Job and its pods: what the pod itself reported, else what Kubernetes says about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from holdfast.api.conditions import timestamp
from holdfast.api.run_status import RunProblem, RunStatus
from holdfast.controller.actions import Known, Look
from holdfast.controller.views import ContainerState, Job, Pod
from holdfast.manifests.naming import scheduled_time
from holdfast.manifests.run_pod import CONTAINER
from holdfast.model.run import Outcome

DEADLINE_EXCEEDED = "DeadlineExceeded"
_STARTING = frozenset(("ContainerCreating", "PodInitializing", ""))
_NO_POD = {"exceeded quota": "QuotaExceeded", "error looking up service account": "NoServiceAccount"}
"""By what Kubernetes says when a Job cannot make its pod."""
HOLDUPS = frozenset(
    (
        *_NO_POD.values(),
        *("NoPod", "CannotStart", "Unschedulable", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"),
        *("ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"),
    )
)
"""Reasons for which a run does not even begin."""
_NEXT = {
    "QuotaExceeded": "Raise the quota, or free what it counts.",
    "NoServiceAccount": "Create the ServiceAccount with its rights, or name another one: `serviceAccountName` in the spec.",
    "ErrImagePull": "Check the image's name and the node's way to the registry: `kubectl describe pod`.",
    "ImagePullBackOff": "Check the image's name and the node's way to the registry: `kubectl describe pod`.",
    "ErrImageNeverPull": "Bring the image to the node, or let it be pulled.",
    "CreateContainerConfigError": "Check that the Secret that the location names exists and has what it needs.",
    "Unschedulable": "Give the pod room: nodes, its resources, its nodeSelector and tolerations.",
    "CannotStart": "Check that the Secret that the location names exists, and that the pod can have what else it mounts.",
    "OOMKilled": "Give the pod more memory: `pod.resources` in the spec.",
    "Evicted": "Look at what the node lacks, and give the pod requests: `pod.resources` in the spec.",
    DEADLINE_EXCEEDED: "Look at the pod's log and at the way to the location.",
}


GOOD = frozenset((Outcome.DONE.value, Outcome.PARTIAL.value))
"""Outcomes of runs that made a backup."""


class Observed(NamedTuple):
    """A run as it stands."""

    run: RunStatus  # `outcome` is empty while it goes on; `reason` and `errors` then say what holds it up
    look: Look | None  # where the reason may be found if there is none yet


def observe(job: Job, pods: Sequence[Pod], known: Known) -> Observed:
    """`pods` are those of the Job, oldest first."""
    scheduled = scheduled_time(job.metadata.name)
    run = RunStatus(
        job=job.metadata.name,
        scheduled_at=timestamp(scheduled) if scheduled else "",
        started_at=job.status.start_time,
    )
    if not job.has_ended:
        return _going_on(job, pods, known, run)
    reported = _newest_report(pods, succeeded=job.has_succeeded)
    if reported is not None:
        reported.job, reported.scheduled_at = run.job, run.scheduled_at
        reported.started_at = _whole_seconds(reported.started_at) or run.started_at
        reported.finished_at = _whole_seconds(reported.finished_at) or job.status.completion_time
        return Observed(reported, None)
    if job.has_succeeded:
        run.outcome, run.finished_at = Outcome.DONE.value, job.status.completion_time
        return Observed(run, None)
    condition = next(one for one in job.status.conditions if one.type == "Failed" and one.status == "True")
    run.outcome, run.finished_at = Outcome.FAILED.value, condition.last_transition_time
    run.reason, why = _death(pods) or (condition.reason, condition.message)
    return Observed(_with_problem(run, "the run ended without a report", why), None)


def _going_on(job: Job, pods: Sequence[Pod], known: Known, run: RunStatus) -> Observed:
    if all(pod.has_ended for pod in pods):
        look = Look("Job", job.metadata.namespace, job.metadata.name)
        if message := known.events.get(look):
            run.reason = next((reason for words, reason in _NO_POD.items() if words in message), "NoPod")
            return Observed(_with_problem(run, "the Job cannot make its pod", message), None)
        return Observed(run, look)
    pod = pods[-1]
    trouble = _holdup(pod)
    if trouble is not None:
        run.reason, why = trouble
        return Observed(_with_problem(run, "the pod does not start", why), None)
    waiting = _container_state(pod).waiting
    if pod.status.phase == "Pending" and waiting is not None:
        look = Look("Pod", pod.metadata.namespace, pod.metadata.name)
        if message := known.events.get(look):
            run.reason = "CannotStart"
            return Observed(_with_problem(run, "the pod does not start", message), None)
        return Observed(run, look)
    return Observed(run, None)


def _newest_report(pods: Sequence[Pod], *, succeeded: bool) -> RunStatus | None:
    """What the last pod wrote before it ended; of a Job that succeeded, a pod that did."""
    for pod in reversed(pods):
        ended = _container_state(pod).terminated
        if ended is None or (succeeded and ended.exit_code):
            continue
        if report := _parse(ended.message):
            return report
    return None


def _parse(message: str) -> RunStatus | None:
    """None for what a pod that was killed, or another program, left there."""
    try:
        report = msgspec.json.decode(message, type=RunStatus)
    except msgspec.DecodeError:
        return None
    return report if report.outcome else None


def _whole_seconds(text: str) -> str:
    """Times as Kubernetes writes them, so that they can be compared as texts."""
    try:
        return timestamp(dt.datetime.fromisoformat(text)) if text else ""
    except ValueError:
        return ""


def _death(pods: Sequence[Pod]) -> tuple[str, str] | None:
    """Reason and message of the last pod that did not end by itself."""
    for pod in reversed(pods):
        if pod.status.reason:
            return pod.status.reason, pod.status.message
        ended = _container_state(pod).terminated
        if ended is not None and ended.reason not in ("Error", "Completed"):
            return ended.reason, f"the container ended with code {ended.exit_code}"
        if trouble := _holdup(pod):
            return trouble
    return None


def _holdup(pod: Pod) -> tuple[str, str] | None:
    """Reason and message if the pod does not get as far as running."""
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return condition.reason or "Unschedulable", condition.message
    waiting = _container_state(pod).waiting
    if waiting is not None and waiting.reason not in _STARTING:
        return waiting.reason, waiting.message
    return None


def _container_state(pod: Pod) -> ContainerState:
    return next((one.state for one in pod.status.container_statuses if one.name == CONTAINER), ContainerState())


def _with_problem(run: RunStatus, what: str, why: str) -> RunStatus:
    run.errors = [
        RunProblem(what=what, why=why, next=_NEXT.get(run.reason, "Look at the Job with `kubectl describe`."))
    ]
    return run


def describe(run: RunStatus) -> str:
    """The first problem of a run, in one line."""
    if not run.errors:
        return f"The run ended with `{run.outcome or 'nothing'}`{f' ({run.reason})' if run.reason else ''}."
    first = run.errors[0]
    return " ".join(
        part for part in (f"{first.what}: {first.why}." if first.why else f"{first.what}.", first.next) if part
    )
