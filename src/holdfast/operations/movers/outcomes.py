"""Why a mover did not begin, or ended without its work done: from what Kubernetes says about its Job and pods. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.model.run import Outcome, Problem
from holdfast.objects.fields import Object, at, items, name_of, text
from holdfast.objects.pod_trouble import Cause, shortened
from holdfast.objects.readiness import condition
from holdfast.objects.why_not_ready import Surroundings, why_not_ready
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.task import MoverTask

_AT_ONCE, _SOON = 3.0, 60.0  # seconds
_ONE_MORE_TRY = 90.0
"""After some refusals a Job asks for its pod once in a minute only."""
_PATIENCE: tuple[tuple[str, float], ...] = (
    ("InvalidImageName", _AT_ONCE),
    ("ErrImageNeverPull", _AT_ONCE),
    ("violates PodSecurity", _AT_ONCE),
    ("failed quota", _AT_ONCE),  # it asks for limits that the pod does not have
    ("usage per", _AT_ONCE),
    ("cannot be pulled", _SOON),
    ("exceeded quota", _ONE_MORE_TRY),
    ("node.kubernetes.io/unreachable", _SOON),  # its volume is on a node that does not answer
    ("is gone", _SOON),
    ("not found", _SOON),
)
"""(what a cause has, for how long it is worth waiting), the first that fits."""
_NEXT: tuple[tuple[str, str], ...] = (
    ("of the container", "Name an image that the nodes can have with --mover-image."),
    ("violates PodSecurity", "Name a namespace that lets movers in with --mover-namespace."),
    ("exceeded quota", "Raise the quota, or ask for less: --mover-cpu, --mover-memory, --parallel-volumes."),
    ("failed quota", "Give movers what the quota asks for: --mover-cpu, --mover-memory."),
    ("usage per", "Change the LimitRange, or what movers request: --mover-cpu, --mover-memory."),
)
"""(what a cause has, what to do), where a mover is not like other pods."""
_ROOM = ("exceeded quota", "Insufficient ", "Too many pods")
_AGAIN = "Run the command again; what was moved already is not moved twice."
_KILLED = 137


def not_begun(job: Object, pod: Object | None, events: Sequence[Object], claims: Sequence[Object]) -> Cause:
    """Why there is no pod of a Job, or why its pod does not begin."""
    around = Surroundings(events=events, claims=claims)
    cause = why_not_ready("jobs.batch", job, around)[0] if pod is None else why_not_ready("pods", pod, around)[0]
    return Cause(cause.why, next((to_do for part, to_do in _NEXT if part in cause.why), cause.next))


def patience_with(cause: Cause, longest: float) -> float:
    """Seconds for which a pod that does not begin is waited for."""
    return min(longest, next((seconds for part, seconds in _PATIENCE if part in cause.why), longest))


def is_want_of_room(cause: Cause) -> bool:
    """Whether the end of another mover may help."""
    return any(part in cause.why for part in _ROOM)


def did_not_begin(task: MoverTask, cause: Cause, waited: float) -> Problem:
    return Problem(f"the mover of {task.name} did not begin in {waited:.0f} s", cause.why, cause.next)


def not_made(task: MoverTask, why: str, to_do: str) -> Problem:
    return Problem(f"the mover of {task.name} could not be made", why, to_do)


def deleted(task: MoverTask) -> Problem:
    return Problem(f"the mover of {task.name} is gone", "somebody deleted its Job", _AGAIN)


def failed(
    task: MoverTask, moved: Moved | None, pod: Object | None, job: Object, last_words: str, *, is_lost: bool
) -> Problem:
    """Of a mover that is not tried again; `pod` is its last one, `last_words` what it wrote beside its messages."""
    verb = "written" if task.writes else "read"
    if moved is not None and moved.errors:
        return moved.errors[0]
    if moved is not None and moved.outcome is Outcome.CANCELLED:
        return Problem(f"{task.name} was not {verb}", "its mover was asked to stop, and not by this run", _AGAIN)
    cause = Cause("", _AGAIN) if pod is None else why_ended(pod, is_lost=is_lost)
    reason = condition(job, "Failed") or condition(job, "FailureTarget")
    if reason.get("reason") == "DeadlineExceeded":
        cause = Cause("its Job's deadline is over", _AGAIN)
    why = cause.why or shortened(str(reason.get("message", ""))) or "its pod is gone, and nothing says why"
    if last_words:
        why = f"{why}; its last words: {shortened(last_words)}"
    return Problem(f"{task.name} was not {verb}", why, cause.next)


def why_ended(pod: Object, *, is_lost: bool) -> Cause:
    """`pod` has failed, or its node does not answer any more, or it said nothing of what it did."""
    status = at(pod, "status")
    ended = terminated(pod)
    disrupted = condition(pod, "DisruptionTarget")
    if text(status, "reason") == "Evicted":
        return Cause(
            f"its pod was evicted: {shortened(text(status, 'message'))}",
            "Look at what the node lacks, or let movers request more: --mover-memory.",
        )
    if is_lost or text(status, "reason") == "NodeLost":
        node = text(pod, "spec", "nodeName")
        return Cause(f"the node {node} does not answer", f"Look at it: `kubectl describe node {node}`. {_AGAIN}")
    if ended.get("reason") == "OOMKilled":
        return Cause(
            f"its pod needed more memory than its limit of {_memory(pod)} (OOMKilled)",
            "Raise the limit with --mover-memory.",
        )
    if disrupted.get("status") == "True":
        return Cause(f"its pod was stopped: {shortened(text(disrupted, 'message'))}", _AGAIN)
    if not ended:
        message = shortened(f"{text(status, 'reason')} {text(status, 'message')}".strip())
        return Cause(f"its pod failed: {message}" if message else "", _AGAIN)
    code = ended.get("exitCode")
    if code == 0:
        return Cause("its pod ended without saying what it did", "See whether --mover-image is an image of Holdfast.")
    killed = " (killed)" if code == _KILLED else ""
    why = f"its pod ended with exit code {code}{killed} and did not say why"
    return Cause(why, "See whether --mover-image is an image of Holdfast of this version.")


def terminated(pod: Object) -> Object:
    """How its container ended; empty while it has not."""
    return next((at(one, "state", "terminated") for one in items(pod, "status", "containerStatuses")), {})


def has_begun(pod: Object) -> bool:
    """Whether its container runs or ran, so that there is a log; or whether it never will."""
    states = [at(one, "state") for one in items(pod, "status", "containerStatuses")]
    return has_ended(pod) or any("running" in state or "terminated" in state for state in states)


def has_ended(pod: Object) -> bool:
    return text(pod, "status", "phase") in ("Succeeded", "Failed")


def _memory(pod: Object) -> str:
    limits = [at(one, "resources", "limits").get("memory") for one in items(pod, "spec", "containers")]
    return str(next(filter(None, limits), "its node"))


def job_has_failed(job: Object) -> bool:
    return any(condition(job, name).get("status") == "True" for name in ("Failed", "FailureTarget"))


def job_is_complete(job: Object) -> bool:
    return any(condition(job, name).get("status") == "True" for name in ("Complete", "SuccessCriteriaMet"))


def describe(pod: Object) -> str:
    """For people, of a pod that another one follows."""
    return f"{name_of(pod)} on {text(pod, 'spec', 'nodeName') or 'no node'}"
