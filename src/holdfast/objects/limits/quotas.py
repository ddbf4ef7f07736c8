"""ResourceQuotas: what an object counts as, and what is left of a quota."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items, name_of
from holdfast.objects.limits.pods import Pods, containers, needs
from holdfast.objects.limits.quantities import Amounts, amounts, show

_PLAIN = frozenset({"cpu", "memory", "ephemeral-storage"})  # count also without `requests.`
_COUNTED = frozenset(
    {"configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", "services"}
)
_ONE = Decimal(1)
_COMPUTE = tuple(f"{which}.{name}" for which in ("requests", "limits") for name in ("cpu", "memory"))


class Excess(NamedTuple):
    """What a quota has too little of."""

    quota: str
    resource: str
    hard: Decimal
    used: Decimal
    planned: Decimal

    def __str__(self) -> str:
        hard, used, planned = (show(self.resource, each) for each in (self.hard, self.used, self.planned))
        too_much = show(self.resource, self.used + self.planned - self.hard)
        return f"{self.resource}: {used} used, {planned} planned, {hard} allowed, {too_much} too much"


def object_usage(group_resource: str, obj: Object) -> dict[str, Decimal]:
    """What the object itself counts as, its pods aside."""
    usage = {f"count/{group_resource}": _ONE}
    if group_resource in _COUNTED:
        usage[group_resource] = _ONE
    spec = at(obj, "spec")
    if group_resource == "services":
        kind = spec.get("type")
        ports = len(items(spec, "ports"))
        if kind == "LoadBalancer":
            usage["services.loadbalancers"] = _ONE
        if kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False):
            usage["services.nodeports"] = Decimal(ports)
    if group_resource == "persistentvolumeclaims":
        size = amounts(at(spec, "resources").get("requests")).get("storage", Decimal(0))
        usage["requests.storage"] = size
        if storage_class := spec.get("storageClassName"):
            prefix = f"{storage_class}.storageclass.storage.k8s.io"
            usage |= {f"{prefix}/requests.storage": size, f"{prefix}/persistentvolumeclaims": _ONE}
    return usage


def pod_usage(spec: Object) -> dict[str, Decimal]:
    """What one pod counts as."""
    usage = {"pods": _ONE, "count/pods": _ONE}
    for name, amount in needs(spec, "requests").items():
        usage[f"requests.{name}"] = amount
        if name in _PLAIN or name.startswith("hugepages-"):
            usage[name] = amount
    usage |= {f"limits.{name}": amount for name, amount in needs(spec, "limits").items()}
    return usage


def demanded(quota: Object, spec: Object) -> list[str]:
    """What the quota demands of every container and a pod does not say: it would be refused."""
    hard = at(quota, "spec", "hard")
    wanted = {*(name for name in _COMPUTE if name in hard), *(f"requests.{name}" for name in _PLAIN if name in hard)}
    missing = []
    for resource in sorted(wanted):
        which, _, name = resource.partition(".")
        whole = at(spec, "resources").get(which) or {}
        if name not in whole and any(name not in (at(each, "resources").get(which) or {}) for each in _counted(spec)):
            missing.append(resource)
    return missing


def _counted(spec: Object) -> list[Object]:
    ephemeral = items(spec, "ephemeralContainers")
    return [each for each in containers(spec) if each not in ephemeral]


def counts_pod(quota: Object, pods: Pods) -> bool:
    """Whether the scopes of the quota take in such a pod."""
    spec = pods.spec
    scopes = at(quota, "spec").get("scopes") or []
    terms: list[Object] = [{"scopeName": scope, "operator": "Exists"} for scope in scopes]
    terms += items(quota, "spec", "scopeSelector", "matchExpressions")
    return all(_in_scope(term, spec) for term in terms)


def has_scopes(quota: Object) -> bool:
    """Such a quota counts pods only."""
    return bool(at(quota, "spec").get("scopes") or at(quota, "spec").get("scopeSelector"))


def _in_scope(term: Object, spec: Object) -> bool:
    best_effort = not any(
        at(each, "resources").get(which) for each in containers(spec) for which in ("requests", "limits")
    )
    priority, values = spec.get("priorityClassName"), term.get("values") or []
    match term.get("scopeName"), term.get("operator"):
        case "BestEffort", _:
            return best_effort
        case "NotBestEffort", _:
            return not best_effort
        case "Terminating", _:
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating", _:
            return spec.get("activeDeadlineSeconds") is None
        case "PriorityClass", "In":
            return priority in values
        case "PriorityClass", "NotIn":
            return priority not in values
        case "PriorityClass", "DoesNotExist":
            return not priority
        case "PriorityClass", _:
            return bool(priority)
    return False  # of pods that reach into other namespaces: nothing is known


def excesses(quota: Object, planned: Amounts) -> list[Excess]:
    """What would not fit into what is left of a live quota."""
    hard, used = amounts(at(quota, "status").get("hard")), amounts(at(quota, "status").get("used"))
    found = []
    for resource, limit in sorted(hard.items()):
        excess = Excess(
            name_of(quota), resource, limit, used.get(resource, Decimal(0)), planned.get(resource, Decimal(0))
        )
        if excess.planned and excess.used + excess.planned > limit:
            found.append(excess)
    return found
