"""LimitRanges: what they fill in, and what they refuse. The rules of the API server's admission, as it applies them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from holdfast.objects.fields import Object, at, copied, items
from holdfast.objects.limits.pods import containers, needs
from holdfast.objects.limits.quantities import amounts, show


def with_defaults(spec: Object, ranges: Sequence[Object]) -> Object:
    """A pod's spec with the requests and limits that it gets where it has none."""
    if not ranges:
        return spec
    filled: Object = copied(spec)
    for limit in _limits(ranges, "Container"):
        for container in containers(filled):
            resources = container.setdefault("resources", {})
            for field, default in (("limits", "default"), ("requests", "defaultRequest")):
                given = at(limit, default)
                if given:
                    resources[field] = {**given, **(resources.get(field) or {})}
    return filled


def pod_problems(spec: Object, ranges: Sequence[Object]) -> list[str]:
    """Why a pod, with the defaults filled in, would be refused."""
    found = []
    for limit in _limits(ranges, "Container"):
        for container in [*items(spec, "initContainers"), *items(spec, "containers")]:
            requests, limits = (amounts(at(container, "resources").get(which)) for which in ("requests", "limits"))
            found += [f"container {container.get('name')}: {text}" for text in _violations(limit, requests, limits)]
    for limit in _limits(ranges, "Pod"):
        found += list(_violations(limit, needs(spec, "requests"), needs(spec, "limits")))
    return found


def claim_problems(claim: Object, ranges: Sequence[Object]) -> list[str]:
    """Why a PersistentVolumeClaim would be refused."""
    size = amounts(at(claim, "spec", "resources").get("requests"))
    return [text for limit in _limits(ranges, "PersistentVolumeClaim") for text in _violations(limit, size, {})]


def _limits(ranges: Sequence[Object], kind: str) -> list[Object]:
    return [limit for each in ranges for limit in items(each, "spec", "limits") if limit.get("type") == kind]


def _violations(limit: Object, requests: dict[str, Decimal], limits: dict[str, Decimal]) -> Iterator[str]:
    claim = limit.get("type") == "PersistentVolumeClaim"
    for name, least in amounts(limit.get("min")).items():
        if name not in requests:
            yield f"it requests no {name}, and at least {show(name, least)} is demanded"
        elif requests[name] < least or limits.get(name, least) < least:
            yield f"{name} is less than {show(name, least)}"
    for name, most in amounts(limit.get("max")).items():
        if name not in limits and not claim:
            yield f"it has no limit for {name}, and at most {show(name, most)} is allowed"
        elif limits.get(name, most) > most or requests.get(name, most) > most:
            yield f"{name} is more than {show(name, most)}"
    for name, ratio in amounts(limit.get("maxLimitRequestRatio")).items():
        request, upper = requests.get(name), limits.get(name)
        if not request or not upper:
            yield f"it needs both a request and a limit for {name}"
        elif upper > ratio * request:
            yield f"its limit for {name} is more than {show(name, ratio)} times its request"
