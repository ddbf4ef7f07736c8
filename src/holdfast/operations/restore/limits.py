"""What the limits of a namespace will do to a plan: its quotas, limit ranges and Pod Security labels, each read once.

Nothing is blocked by this: it foretells what the API server will say, to the object or later to the pods of a workload.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.restore import Action
from holdfast.objects.fields import Object, name_of
from holdfast.objects.limits.limit_ranges import claim_problems, pod_problems, with_defaults
from holdfast.objects.limits.pod_security import Level, level_of, violations
from holdfast.objects.limits.pods import Pods, pods_of
from holdfast.objects.limits.quantities import Amounts, add
from holdfast.objects.limits.quotas import (
    Excess,
    counts_pod,
    demanded,
    excesses,
    has_scopes,
    object_usage,
    pod_usage,
)
from holdfast.operations.restore.plan import PlannedObject
from holdfast.operations.restore.target import NAMESPACES, Target

_NEXT = "Change the limits of the namespace, or restore into another one."


@dataclass(slots=True)
class _Namespace:
    """The limits of one live namespace, and what the plan adds to each of its quotas."""

    enforced: Level
    warned: Level
    ranges: Sequence[Object]
    quotas: Sequence[Object]
    planned: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    usage: dict[ObjectKey, dict[str, set[str]]] = field(default_factory=dict)  # object → quota → resources
    refused: Counter[str] = field(default_factory=Counter)


class Limits:
    """Thread-safe. `look_at` each object, then `complete` them all, because a quota is about their sum."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._guard = threading.Lock()
        self._namespaces: dict[str, _Namespace] = {}

    def look_at(self, item: PlannedObject, desired: Object) -> PlannedObject:
        """The object with why it, or its pods, will be refused."""
        if item.action is not Action.CREATE or not item.key.namespace:
            return item
        with self._guard:  # the first object of a namespace asks for its limits
            limits = self._limits(item.key.namespace)
            kind = item.resource.group_resource
            pods = pods_of(kind, desired)
            reasons = self._pod_reasons(limits, pods, bare=kind == "pods") if pods and pods.number != 0 else []
            if kind == "persistentvolumeclaims":
                reasons += [f"a LimitRange will refuse it: {text}" for text in claim_problems(desired, limits.ranges)]
            if limits.quotas:
                self._count(limits, item.key, object_usage(kind, desired), pods)
        return _told(item, reasons)

    def complete(self, objects: Iterable[PlannedObject]) -> list[PlannedObject]:
        """The objects with the quotas that the whole plan exceeds."""
        exceeded = {name: self._excesses(limits) for name, limits in self._namespaces.items()}
        completed = []
        for item in objects:
            counted = (
                self._namespaces[item.key.namespace].usage.get(item.key) if exceeded.get(item.key.namespace) else None
            )
            reasons = [
                f"the quota {excess.quota} will be exceeded ({excess})"
                for excess in (exceeded[item.key.namespace] if counted else ())
                if counted and excess.resource in counted.get(excess.quota, ())
            ]
            completed.append(_told(item, reasons))
        return completed

    def notes(self) -> list[str]:
        """Sentences about each namespace that will refuse something."""
        notes = []
        for name, limits in sorted(self._namespaces.items()):
            by_quota: defaultdict[str, list[str]] = defaultdict(list)
            for excess in self._excesses(limits):
                by_quota[excess.quota].append(str(excess))
            notes += [
                f"The quota {quota} in {name} has too little left for this restore: {'; '.join(texts)}."
                for quota, texts in by_quota.items()
            ]
            notes += [f"{text} {count:,} of these objects in {name}." for text, count in sorted(limits.refused.items())]
        return notes

    def _pod_reasons(self, limits: _Namespace, pods: Pods, *, bare: bool) -> list[str]:
        whom, reasons = "it" if bare else "its pods", []
        broken = violations(limits.enforced, pods.metadata, pods.spec)
        level = limits.enforced.name.lower()
        if broken:
            reasons.append(f"Pod Security ({level}) will refuse {whom}: {', '.join(broken)}")
            limits.refused[f"Pod Security ({level}) will refuse the pods of"] += 1
        elif violations(limits.warned, pods.metadata, pods.spec):
            limits.refused[f"Pod Security ({limits.warned.name.lower()}) will warn about"] += 1
        spec = with_defaults(pods.spec, limits.ranges)
        if found := pod_problems(spec, limits.ranges):
            reasons.append(f"a LimitRange will refuse {whom}: {', '.join(found)}")
            limits.refused["LimitRanges will refuse the pods of"] += 1
        return reasons + [
            f"the quota {name_of(quota)} will refuse {whom}, because containers do not say {', '.join(missing)}"
            for quota in limits.quotas
            if counts_pod(quota, pods) and (missing := demanded(quota, spec))
        ]

    def _count(self, limits: _Namespace, key: ObjectKey, own: Amounts, pods: Pods | None) -> None:
        """Adds an object to the quotas that it counts in."""
        of_pods = pod_usage(with_defaults(pods.spec, limits.ranges)) if pods and pods.number else {}
        for quota in limits.quotas:
            usage: dict[str, Decimal] = {}
            if not has_scopes(quota) and key.group_resource != "pods":
                add(usage, own)
            if pods and pods.number and counts_pod(quota, pods):
                add(usage, of_pods, pods.number)
            add(limits.planned[name_of(quota)], usage)
            limits.usage.setdefault(key, {})[name_of(quota)] = set(usage)

    def _excesses(self, limits: _Namespace) -> list[Excess]:
        return [excess for quota in limits.quotas for excess in excesses(quota, limits.planned[name_of(quota)])]

    def _limits(self, name: str) -> _Namespace:
        if name not in self._namespaces:
            namespace = self._target.live(ObjectKey("", NAMESPACES, "", name)) or {}
            self._namespaces[name] = _Namespace(
                level_of(namespace, "enforce"),
                level_of(namespace, "warn"),
                self._list("limitranges", name),
                self._list("resourcequotas", name),
            )
        return self._namespaces[name]

    def _list(self, plural: str, namespace: str) -> list[Object]:
        resource = self._target.surface.preferred("", plural)
        if resource is None:
            return []
        try:
            pages = list(self._target.cluster.list(resource, namespace=namespace))
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            return []  # whoever may not look learns it from the server's refusals
        return [msgspec.json.decode(data) for page in pages for data in page.items]


def _told(item: PlannedObject, reasons: Sequence[str]) -> PlannedObject:
    if not reasons:
        return item
    return replace(item, why="; ".join(filter(None, (item.why, *reasons))), next=item.next or _NEXT)
