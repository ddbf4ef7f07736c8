"""One line of a plan that deletes a live object, or says why it stays."""

from __future__ import annotations

from holdfast.cluster.surface import ApiSurface
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import Action
from holdfast.objects.destruction import reason_against_deleting
from holdfast.objects.metadata import Glimpse, key_of
from holdfast.operations.restore.plan import PlannedObject


def planned_deletion(
    resource: Resource, seen: Glimpse, fingerprint: bytes, surface: ApiSurface, why: str, *, with_data: bool
) -> PlannedObject:
    """`why` it goes, and `fingerprint` as it was seen; `with_data`: also what takes data along."""
    key = key_of(resource, seen)
    against = reason_against_deleting(key.group_resource, seen, with_data=with_data)
    owners = tuple(
        ObjectKey(owner.group, owner.plural, seen.namespace if owner.namespaced else "", reference.name)
        for reference in seen.metadata.owner_references or ()
        if (owner := surface.by_kind(reference.api_version, reference.kind)) is not None
    )
    action = Action.KEEP if against else Action.DELETE
    uid = seen.metadata.uid or ""
    return PlannedObject(resource, key, "", owners, action, against or why, seen=fingerprint, uid=uid)
