"""Making objects of a cluster what manifests say, one after another, with a word for each of what that was.

By server-side apply: fields that the manifests do not name stay as others set them; those that they name are taken over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, at, name_of, namespace_of

FIELD_MANAGER = "holdfast-install"
_UNTOLD = ("managedFields", "resourceVersion", "generation")  # they change without anything else being another


class Became(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    PAUSED = "paused"
    KEPT = "kept"


class InstallStep(msgspec.Struct, frozen=True):
    """What became of one object."""

    object: str  # "deployments.apps/holdfast/holdfast-controller"
    result: Became
    why: str = ""


def key_of(resource: Resource, obj: Object) -> ObjectKey:
    return ObjectKey(resource.group, resource.plural, namespace_of(obj), name_of(obj))


def apply(cluster: Cluster, resource: Resource, obj: Object, *, dry_run: bool) -> InstallStep:
    """Raises ApiRefused. A dry run asks the server, but not about an object whose namespace is not there yet."""
    key = key_of(resource, obj)
    before = cluster.get(resource, key.namespace, key.name)
    try:
        after = cluster.patch(
            resource,
            key.namespace,
            key.name,
            msgspec.json.encode(obj),
            patch_type=PatchType.APPLY,
            field_manager=FIELD_MANAGER,
            force=True,
            dry_run=dry_run,
        )
    except ApiRefused as error:
        if dry_run and key.namespace and before is None and error.reason == "NotFound":
            return InstallStep(str(key), Became.CREATED)
        raise
    if before is None:
        return InstallStep(str(key), Became.CREATED)
    return InstallStep(str(key), Became.UNCHANGED if _content(before) == _content(after) else Became.CHANGED)


def remove(cluster: Cluster, resource: Resource, obj: Object, *, dry_run: bool, why: str = "") -> InstallStep:
    """No other one of its name; that it is gone already is fine. Raises ApiRefused."""
    key = key_of(resource, obj)
    try:
        cluster.delete(resource, key.namespace, key.name, uid=at(obj, "metadata").get("uid", ""), dry_run=dry_run)
    except ApiRefused as error:
        if error.reason not in ("NotFound", "Conflict"):  # Conflict: it is another one by now
            raise
    return InstallStep(str(key), Became.REMOVED, why)


def listed(
    cluster: Cluster, resource: Resource, *, namespace: str | None = None, label_selector: str = ""
) -> list[Object]:
    """All objects of a kind, decoded. Raises ApiRefused."""
    items = whole(cluster.list(resource, namespace=namespace, label_selector=label_selector)).items
    return [msgspec.json.decode(item) for item in items]


def _content(body: bytes) -> Any:
    obj = msgspec.json.decode(body)
    for field in _UNTOLD:
        obj.get("metadata", {}).pop(field, None)
    return obj
