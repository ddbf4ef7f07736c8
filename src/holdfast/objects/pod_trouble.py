"""Why a pod does not become ready: read from its conditions, its containers' states and its events.

Rows are looked at in the order in which a pod comes to life, so the first cause found is the one that holds up the others.
The words are the kubelet's and the scheduler's; what to do is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items, name_of, namespace_of
from holdfast.objects.readiness import condition

_LONGEST = 500  # characters of a message that is passed on
_IMAGE = frozenset(
    (
        *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"),
        *("RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"),
    )
)
_NO_VOLUME = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_NOT_YET = ("ContainerCreating", "PodInitializing")
_NO_SANDBOX = ("FailedCreatePodSandBox", "NetworkNotReady")

_NOT_SCHEDULED: tuple[tuple[str, str], ...] = (
    (
        "unbound immediate PersistentVolumeClaim",
        "See why the claim has no volume: its class, its provisioner, its events.",
    ),
    ("persistentvolumeclaim", "Restore the claim too, or create it."),
    ("Insufficient ", "Add nodes, or lower what the pod requests."),
    ("Too many pods", "Add nodes, or raise the limit of pods of a node."),
    ("untolerated taint", "Remove the taint (`kubectl describe nodes` names it), or give the pod a toleration."),
    ("node affinity/selector", "Label a node as the pod wants it, or change its node selector or affinity."),
    (
        "volume node affinity",
        "The volume is bound to a node or zone that is not here: give the claim another class or volume.",
    ),
    ("free ports", "Another pod has the host port: stop it, or add nodes."),
    ("no nodes available", "The cluster has no nodes that take pods."),
)
"""(what the scheduler's message has, what to do), the first that fits."""


class Cause(NamedTuple):
    why: str
    next: str


def pod_trouble(pod: Object, events: Sequence[Object]) -> Cause | None:
    """`events` are those of the pod. None if nothing is wrong with it so far: it is just not there yet."""
    return next(_causes(pod, events), None)


def newest(events: Sequence[Object], *reasons: str) -> str:
    """The message of the newest event that has one of these reasons; "" if there is none."""
    fitting = [event for event in events if event.get("reason") in reasons]
    return shortened(str(max(fitting, key=_time).get("message", ""))) if fitting else ""


def shortened(message: str) -> str:
    """On one line, and not longer than people read."""
    text = " ".join(message.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _time(event: Object) -> str:
    """RFC 3339 texts in UTC sort by time."""
    series = at(event, "series").get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _causes(pod: Object, events: Sequence[Object]) -> Iterator[Cause]:
    yield from _scheduling(pod)
    describe = f"Look at it: `kubectl describe pod -n {namespace_of(pod)} {name_of(pod)}`."
    if at(pod, "status").get("phase") == "Failed" and not _containers(pod):
        reason, message = (str(at(pod, "status").get(field, "")) for field in ("reason", "message"))
        yield Cause(shortened(f"the pod failed: {reason} {message}"), describe)
    if not _has_volumes(pod) and (message := newest(events, *_NO_VOLUME)):
        yield Cause(f"a volume cannot be mounted: {message}", _missing(message) or describe)
    for container in _containers(pod):
        yield from _container(container, pod, events, describe)
    is_set_up = any("running" in at(one, "state") for one in _containers(pod))
    if not is_set_up and (message := newest(events, *_NO_SANDBOX)):
        yield Cause(f"the pod cannot be set up: {message}", "Look at the nodes' network plugin and container runtime.")


def _scheduling(pod: Object) -> Iterator[Cause]:
    if at(pod, "spec").get("nodeName"):
        return
    scheduled = condition(pod, "PodScheduled")
    message = shortened(str(scheduled.get("message", "")))
    if scheduled.get("reason") == "SchedulingGated":
        gates = ", ".join(str(gate.get("name")) for gate in items(pod, "spec", "schedulingGates"))
        yield Cause(f"the pod waits at its scheduling gates {gates}", "What sets these gates must take them away.")
    elif scheduled.get("status") == "False":
        to_do = next(
            (text for part, text in _NOT_SCHEDULED if part in message), "Look at the nodes: `kubectl describe nodes`."
        )
        yield Cause(f"the pod cannot be scheduled: {message}", to_do)
    elif not scheduled:
        yield Cause("no scheduler has looked at the pod", "See whether the scheduler that the pod names runs.")


def _containers(pod: Object) -> list[Object]:
    """Init containers come first, as they run first."""
    return [*items(pod, "status", "initContainerStatuses"), *items(pod, "status", "containerStatuses")]


def _has_volumes(pod: Object) -> bool:
    """Containers are looked after only once all volumes are mounted: events about them are then of the past."""
    states = [at(one, "state") for one in _containers(pod)]
    return any(
        "running" in state or "terminated" in state or at(state, "waiting").get("reason", _NOT_YET[0]) not in _NOT_YET
        for state in states
    )


def _container(status: Object, pod: Object, events: Sequence[Object], describe: str) -> Iterator[Cause]:
    name, image = status.get("name"), status.get("image")
    waiting = at(status, "state", "waiting")
    reason, message = str(waiting.get("reason", "")), shortened(str(waiting.get("message", "")))
    if reason in _IMAGE:
        yield Cause(
            f"the image {image} of the container {name} cannot be pulled: {reason} {message}".rstrip(),
            "Check the image's name, its registry and the pull secret.",
        )
    elif reason == "CrashLoopBackOff":
        yield _crash(status, pod)
    elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        yield Cause(f"the container {name} cannot be started: {message or reason}", _missing(message) or describe)
    ended = at(status, "state", "terminated")
    if ended and (ended.get("exitCode") or at(pod, "status").get("phase") == "Failed"):
        yield _crash(status, pod)
    if "running" in at(status, "state") and not status.get("ready"):
        if message := newest(events, "Unhealthy"):
            yield Cause(
                f"a probe of the container {name} fails: {message}", "Look at what the probe asks, and at the log."
            )
        elif newest(events, "BackOff") or status.get("restartCount"):
            yield _crash(status, pod)


def _crash(status: Object, pod: Object) -> Cause:
    name = status.get("name")
    ended = at(status, "lastState", "terminated") or at(status, "state", "terminated")
    reason = str(ended.get("reason", ""))
    how = f"it ended with exit code {ended.get('exitCode')}" if ended else "it ends again and again"
    if reason not in ("", "Error", "Completed"):
        how += f" ({reason})"
    to_do = "Raise its memory limit." if reason == "OOMKilled" else (
        f"Read its log: `kubectl logs -n {namespace_of(pod)} {name_of(pod)} -c {name} --previous`."
    )  # fmt: skip
    return Cause(f"the container {name} crashes: {how}, after {status.get('restartCount', 0)} restarts", to_do)


def _missing(message: str) -> str:
    """What to do about a ConfigMap or Secret that the kubelet names."""
    found = re.search(r'(configmap|secret) "([^"]+)" not found|key (\S+) in (ConfigMap|Secret) (\S+)', message)
    if not found:
        return ""
    if found[1]:
        return f"Restore the {'ConfigMap' if found[1] == 'configmap' else 'Secret'} {found[2]} too, or create it."
    return f"Give the {found[4]} {found[5]} the key {found[3]}."
