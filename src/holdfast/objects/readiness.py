"""Is an object ready: does what it stands for run, exist or answer now?

One row for each kind that has a meaning of ready, written after what `kubectl rollout status` and `kubectl wait` look at.
Kinds of other people's are ready by their condition Ready or Available. Every other object is ready as soon as it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items

LATE = "WaitForFirstConsumer"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""The scheduler's annotation on a claim whose volume is to be made now, because a pod needs it."""

_TELLING = ("Ready", "Available")  # conditions; the first that is there decides
_BUILT_IN_GROUPS = frozenset(
    (
        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io"),
        *("authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"),
        *("flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io"),
        *("rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io"),
        "storagemigration.k8s.io",
    )
)


class State(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"  # waiting longer does not help


class Readiness(NamedTuple):
    state: State
    text: str = ""  # what is missing, as "1 of 3 pods ready"


READY = Readiness(State.READY)


def has_readiness(group_resource: str) -> bool:
    """Whether an object of this kind can exist and not be ready."""
    _, _, group = group_resource.partition(".")
    return group_resource in _ROWS or ("." in group and group not in _BUILT_IN_GROUPS)


def readiness(group_resource: str, obj: Object, *, was: Object | None = None) -> Readiness:
    """`was` is the object as the backup has it: a condition that its status had there is waited for, even if nothing has
    written a status yet. Whether claims bind late, their caller must know, see `binds_late`.
    """
    row = _ROWS.get(group_resource)
    if row is not None:
        return row(obj)
    return _by_condition(obj, was) if has_readiness(group_resource) else READY


def binds_late(claim: Object, late_classes: frozenset[str]) -> bool:
    """Whether a claim gets its volume only once a pod uses it, and no pod does yet: it is as ready as it can be."""
    unbound = at(claim, "status").get("phase") == "Pending"
    is_late = at(claim, "spec").get("storageClassName") in late_classes
    return unbound and is_late and SELECTED_NODE not in at(claim, "metadata", "annotations")


def condition(obj: Object, kind: str) -> Object:
    """An entry of status.conditions; empty if there is none of this type."""
    return next((one for one in items(obj, "status", "conditions") if one.get("type") == kind), {})


def _is_true(obj: Object, kind: str) -> bool:
    return condition(obj, kind).get("status") == "True"


def _waiting(text: str) -> Readiness:
    return Readiness(State.WAITING, text)


def _number(obj: Object, *path: str, default: int = 0) -> int:
    value = at(obj, *path[:-1]).get(path[-1], default)
    return value if isinstance(value, int) else default


def _is_seen(obj: Object) -> bool:
    """Whether the controller has looked at the object as it is now."""
    return _number(obj, "status", "observedGeneration") >= _number(obj, "metadata", "generation")


def _deployment(obj: Object) -> Readiness:
    if at(obj, "spec").get("paused"):
        return READY  # its controller does nothing until somebody resumes it
    wanted = _number(obj, "spec", "replicas", default=1)
    return _rollout(obj, wanted, "availableReplicas", "updatedReplicas", older="replicas")


def _stateful_set(obj: Object) -> Readiness:
    wanted = _number(obj, "spec", "replicas", default=1)
    strategy = at(obj, "spec", "updateStrategy")
    kept = wanted if strategy.get("type") == "OnDelete" else _number(strategy, "rollingUpdate", "partition")
    return _rollout(obj, wanted, "readyReplicas", "updatedReplicas", kept=kept)


def _daemon_set(obj: Object) -> Readiness:
    wanted = _number(obj, "status", "desiredNumberScheduled")
    kept = wanted if at(obj, "spec", "updateStrategy").get("type") == "OnDelete" else 0
    return _rollout(obj, wanted, "numberAvailable", "updatedNumberScheduled", kept=kept)


def _replica_set(obj: Object) -> Readiness:
    if any(owner.get("controller") for owner in items(obj, "metadata", "ownerReferences")):
        return READY  # its Deployment is the one to look at
    return _rollout(obj, _number(obj, "spec", "replicas", default=1), "availableReplicas")


def _rollout(obj: Object, wanted: int, ready: str, updated: str = "", *, kept: int = 0, older: str = "") -> Readiness:
    """`ready`, `updated` and `older` are fields of status that count pods: those that work, those of the newest template
    (all but the `kept`), and all that there are, of which none may be too many.
    """
    if not _is_seen(obj):
        return _waiting("its controller has not looked at it yet")
    count = _number(obj, "status", ready)
    text = f"{min(count, wanted)} of {wanted} pods ready"
    if count < wanted:
        return _waiting(text)
    if updated and (new := _number(obj, "status", updated)) < wanted - kept:
        return _waiting(f"{text}, {new} of the newest template")
    if older and _number(obj, "status", older) > wanted:
        return _waiting(f"{text}, older ones are still there")
    return READY


def _job(obj: Object) -> Readiness:
    """Complete, or at work with all its pods: a long one is not waited for to its end."""
    if _is_true(obj, "Complete") or _is_true(obj, "SuccessCriteriaMet") or at(obj, "spec").get("suspend"):
        return READY
    if _is_true(obj, "Failed"):
        return Readiness(State.FAILED, "it has failed")
    done, running = _number(obj, "status", "succeeded"), _number(obj, "status", "ready")
    parallel = _number(obj, "spec", "parallelism", default=1)
    wanted = min(parallel, max(0, _number(obj, "spec", "completions", default=parallel) - done))
    return READY if running >= max(1, wanted) else _waiting(f"{done} pods succeeded, {running} of {wanted} ready")


def _pod(obj: Object) -> Readiness:
    phase = at(obj, "status").get("phase")
    if phase == "Succeeded" or _is_true(obj, "Ready"):
        return READY
    if phase == "Failed":
        return Readiness(State.FAILED, "it has failed")
    return _waiting("it is not ready" if phase == "Running" else f"it is {str(phase or 'Pending').lower()}")


def _claim(obj: Object) -> Readiness:
    phase = str(at(obj, "status").get("phase") or "Pending")
    if phase == "Bound":
        return READY
    return Readiness(State.FAILED if phase == "Lost" else State.WAITING, f"it is {phase.lower()}, not bound")


def _service(obj: Object) -> Readiness:
    if at(obj, "spec").get("type") != "LoadBalancer" or items(obj, "status", "loadBalancer", "ingress"):
        return READY
    return _waiting("it has no address of a load balancer")


def _definition(obj: Object) -> Readiness:
    if _is_true(obj, "Established"):
        return READY
    refused = condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Readiness(State.FAILED, str(refused.get("message") or "its names are not accepted"))
    return _waiting("it is not established")


def _api_service(obj: Object) -> Readiness:
    if _is_true(obj, "Available"):
        return READY
    return _waiting(str(condition(obj, "Available").get("message") or "it is not available"))


def _by_condition(obj: Object, was: Object | None) -> Readiness:
    status = at(obj, "status")
    if "observedGeneration" in status and not _is_seen(obj):
        return _waiting("its controller has not looked at it as it is now")
    for kind in _TELLING:
        found = condition(obj, kind)
        if found:
            if _number(found, "observedGeneration", default=1 << 62) < _number(obj, "metadata", "generation"):
                return _waiting("its controller has not looked at it as it is now")
            if found.get("status") == "True":
                return READY
            return _waiting(str(found.get("message") or f"its condition {kind} is {found.get('status')}"))
        if was is not None and condition(was, kind):
            return _waiting(f"nothing has written its condition {kind} yet")
    return READY


_ROWS: dict[str, Callable[[Object], Readiness]] = {
    "apiservices.apiregistration.k8s.io": _api_service,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "daemonsets.apps": _daemon_set,
    "deployments.apps": _deployment,
    "jobs.batch": _job,
    "persistentvolumeclaims": _claim,
    "pods": _pod,
    "replicasets.apps": _replica_set,
    "replicationcontrollers": _replica_set,
    "services": _service,
    "statefulsets.apps": _stateful_set,
}
