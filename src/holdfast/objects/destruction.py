"""What a restore does not delete, and why: kinds that hold data or other objects, and what another controller decides about.

A safety point keeps objects, not what is behind them. So whatever takes data or other people's objects along when it goes is
never replaced, and is deleted only when the user says so.
"""

from __future__ import annotations

from types import MappingProxyType

from holdfast.objects.fields import Object, at
from holdfast.objects.metadata import Glimpse

HOLDS_DATA = MappingProxyType(
    {
        "namespaces": "a namespace takes everything in it along",
        "customresourcedefinitions.apiextensions.k8s.io": "a definition takes all its custom resources along",
        "persistentvolumes": "a volume may take its data along",
        "persistentvolumeclaims": "a claim may take its volume's data along",
    }
)
"""Kinds (as `deployments.apps`) → what would go with them."""


def reason_against_replacing(group_resource: str, live: Object) -> str:
    """Why a live object must not be deleted and created again; "" if it may be."""
    if reason := HOLDS_DATA.get(group_resource):
        return reason
    retention = at(live, "spec", "persistentVolumeClaimRetentionPolicy")
    if group_resource == "statefulsets.apps" and retention.get("whenDeleted") == "Delete":
        return "this StatefulSet deletes its claims when it is deleted (persistentVolumeClaimRetentionPolicy)"
    return ""


def reason_against_deleting(group_resource: str, seen: Glimpse, *, with_data: bool) -> str:
    """Why an object that was created since must stay; "" if it may go. `with_data`: also what takes data along."""
    if seen.is_being_deleted:
        return "it is being deleted already"
    if owner := seen.controller:
        return f"its controller, {owner.kind} {owner.name}, decides about it"
    if not with_data and (reason := HOLDS_DATA.get(group_resource)):
        return f"{reason}; --delete-data deletes it"
    return ""
