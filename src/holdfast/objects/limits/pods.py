"""The pods that an object stands for: how many at once, and how they look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items
from holdfast.objects.limits.quantities import add, amounts, largest


class Pods(NamedTuple):
    """`number` is None where nobody can say beforehand: one for each node, or by a schedule."""

    metadata: Object
    spec: Object
    number: int | None


def _by_replicas(obj: Object) -> int | None:
    return _number(at(obj, "spec").get("replicas"), 1)


def _by_parallelism(obj: Object) -> int | None:
    spec = at(obj, "spec")
    parallel = _number(spec.get("parallelism"), 1)
    return 0 if spec.get("suspend") else min(parallel, _number(spec.get("completions"), parallel))


def _unknown(_: Object) -> int | None:
    return None


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


_TEMPLATE = ("spec", "template")
_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[Object], int | None]]] = {
    "cronjobs.batch": (("spec", "jobTemplate", "spec", "template"), _unknown),
    "daemonsets.apps": (_TEMPLATE, _unknown),
    "deployments.apps": (_TEMPLATE, _by_replicas),
    "jobs.batch": (_TEMPLATE, _by_parallelism),
    "pods": ((), lambda _: 1),
    "replicasets.apps": (_TEMPLATE, _by_replicas),
    "replicationcontrollers": (_TEMPLATE, _by_replicas),
    "statefulsets.apps": (_TEMPLATE, _by_replicas),
}


def pods_of(group_resource: str, obj: Object) -> Pods | None:
    """None for kinds that are no workloads."""
    if group_resource not in _KINDS:
        return None
    path, count = _KINDS[group_resource]
    template = at(obj, *path)
    return Pods(at(template, "metadata"), at(template, "spec"), count(obj))


def containers(spec: Object) -> list[Object]:
    """All of a pod, those that initialise it and those that debug it too."""
    return [*items(spec, "initContainers"), *items(spec, "containers"), *items(spec, "ephemeralContainers")]


def needs(spec: Object, which: str) -> dict[str, Decimal]:
    """What a pod needs of each resource at its highest: `which` is `requests` or `limits`.

    Containers that initialise it run before the others, one by one; those of them that go on running (`restartPolicy:
    Always`) count beside all that come after.
    """
    running: dict[str, Decimal] = {}
    peak: dict[str, Decimal] = {}
    for container in items(spec, "initContainers"):
        own = amounts(at(container, "resources").get(which))
        if container.get("restartPolicy") == "Always":
            add(running, own)
            largest(peak, running)
        else:
            step = dict(running)
            add(step, own)
            largest(peak, step)
    for container in items(spec, "containers"):
        add(running, amounts(at(container, "resources").get(which)))
    largest(peak, running)
    peak.update(amounts(at(spec, "resources").get(which)))  # of the pod as a whole, where it says so
    add(peak, amounts(spec.get("overhead")))
    return peak
