"""Volumes that are made where their first pod lands, and are needed by one pod together, or by pods that keep apart.

Each mover by itself would have its volume made where that mover fits. Two volumes of one pod could end on two nodes, where no pod
can mount both; and volumes of three replicas on one node, where the second replica may not go. So a stand-in for each pod of the
workload has all of that pod's volumes made at once, before any is filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, at, copied, items

_STATEFUL_SETS = "statefulsets.apps"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class NewClaim(NamedTuple):
    """One that waits for its first pod."""

    mounted: str  # its name where movers are
    name: str  # as the workload knows it
    workload: ObjectKey
    pod_spec: Object


@dataclass(frozen=True, slots=True)
class FirstUser:
    """A stand-in for one pod of a workload."""

    claims: tuple[str, ...]  # by their names where movers are
    workload: ObjectKey
    pod_spec: Object


def first_users(claims: Iterable[NewClaim]) -> list[FirstUser]:
    """Those that are needed. A claim that is alone with its pod, and that of no other, is left to its mover."""
    found: list[FirstUser] = []
    for workload, of_workload in groupby(sorted(claims, key=_order), key=lambda claim: claim.workload):
        pods = [tuple(pod) for _, pod in groupby(of_workload, key=_pod)]
        keeps_apart = len(pods) > 1 and bool(apart(pods[0][0].pod_spec, {}))
        if keeps_apart or any(len(pod) > 1 for pod in pods):
            found += [FirstUser(tuple(one.mounted for one in pod), workload, pod[0].pod_spec) for pod in pods]
    return found


def apart(spec: Object, labels: Mapping[str, str]) -> Object:
    """Fields of a pod's specification by which stand-ins with these labels keep as far from each other as the pods would.

    What pods want of others than their own kind is lost: whom a selector of labels means is not known here.
    """
    own = {"labelSelector": {"matchLabels": dict(labels)}}
    anti = at(spec, "affinity", "podAntiAffinity")
    required = [_only(own, term) for term in items(anti, _REQUIRED)]
    preferred = [one | {"podAffinityTerm": _only(own, at(one, "podAffinityTerm"))} for one in items(anti, _PREFERRED)]
    terms = {name: found for name, found in ((_REQUIRED, required), (_PREFERRED, preferred)) if found}
    spreads = [
        {field: copied(value) for field, value in one.items() if field != "matchLabelKeys"} | own
        for one in items(spec, "topologySpreadConstraints")
    ]
    fields: Object = {"affinity": {"podAntiAffinity": terms}} if terms else {}
    return fields | ({"topologySpreadConstraints": spreads} if spreads else {})


def _only(own: Mapping[str, Any], term: Object) -> Object:
    """Another selector of pods, those of the stand-ins' own namespace."""
    return {"topologyKey": term.get("topologyKey", "")} | dict(own)


def _order(claim: NewClaim) -> tuple[tuple[ObjectKey, str], str]:
    return _pod(claim), claim.mounted


def _pod(claim: NewClaim) -> tuple[ObjectKey, str]:
    """Which pod: of a StatefulSet by its number. Replicas of others share all their claims."""
    number = ""
    if claim.workload.group_resource == _STATEFUL_SETS:
        found = re.fullmatch(rf".+-{re.escape(claim.workload.name)}-([0-9]+)", claim.name)
        number = found[1] if found else ""
    return claim.workload, number
