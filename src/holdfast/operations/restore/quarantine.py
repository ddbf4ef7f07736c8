"""The quarantine of a restore in the cluster: namespaces of its own, closed by a NetworkPolicy before anything runs in them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import PlanRefused
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.restore import ObjectResult, Result
from holdfast.objects.isolation import POLICY, is_quarantine, network_policy
from holdfast.objects.ownership import FIELD_MANAGER
from holdfast.operations.restore.target import NAMESPACES, Target

_POLICIES = ("networking.k8s.io", "networkpolicies")


def foreign_namespaces(target: Target, namespaces: Iterable[str]) -> list[str]:
    """Those that exist and are no quarantine: what lives there would be cut off."""
    return [name for name in namespaces if target.namespace_state(name) and not _is_quarantine(target, name)]


def refuse_foreign_namespaces(target: Target, namespaces: Iterable[str]) -> None:
    """Raises PlanRefused if there are any."""
    foreign = foreign_namespaces(target, namespaces)
    if foreign:
        raise PlanRefused(
            f"a quarantine needs namespaces of its own, and {', '.join(foreign)} exists already",
            why="the quarantine would cut off what lives there",
            next="Nothing was changed. Restore under another name with --map-namespace OLD=NEW.",
        )


def close_namespace(cluster: Cluster, namespace: str, *, open_inside: bool) -> ObjectResult:
    """Makes the NetworkPolicy, or makes it again what it is to be. Raises ApiRefused: then nothing must go in there."""
    group, plural = _POLICIES
    served = cluster.api_surface().preferred(group, plural)
    if served is None:
        raise PlanRefused(
            "a quarantine is not possible here",
            why="the cluster does not serve networkpolicies.networking.k8s.io",
            next="Restore without --quarantine, into a cluster of its own.",
        )
    before = cluster.get(served, namespace, POLICY)
    body = msgspec.json.encode(network_policy(namespace, open_inside=open_inside))
    cluster.patch(served, namespace, POLICY, body, patch_type=PatchType.APPLY, field_manager=FIELD_MANAGER, force=True)
    result = Result.CREATED if before is None else Result.UNCHANGED
    why = "nothing comes in, and nothing but DNS goes out, if the cluster's network enforces policies"
    return ObjectResult(kind=served.group_resource, namespace=namespace, name=POLICY, result=result, why=why)


def _is_quarantine(target: Target, name: str) -> bool:
    found = target.live(ObjectKey("", NAMESPACES, "", name))
    return found is not None and is_quarantine(found)
