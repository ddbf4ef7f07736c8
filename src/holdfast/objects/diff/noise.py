"""What a diff does not speak of: fields that the server or a controller writes, the same ones that a restore leaves to them.

The rows are those of the transforms that take something away in the backup's object (`change`) and take it from the live one
in an update (`carry`): what they touch is the cluster's, not the user's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from holdfast.objects.diff.defaults import defaults_of
from holdfast.objects.diff.walk import ABSENT, Change, changes
from holdfast.objects.fields import Object, at, copied_object
from holdfast.objects.transforms import TRANSFORMS, Context, Transform
from holdfast.objects.transforms.namespaces import NAMESPACES

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LAST_APPLIED_PATH = ("metadata", "annotations", LAST_APPLIED)
_NOTES = ("control-plane.alpha.kubernetes.io/leader", "endpoints.kubernetes.io/last-change-trigger-time")
_NOTES_OF = {
    "horizontalpodautoscalers.autoscaling": (
        "autoscaling.alpha.kubernetes.io/conditions",
        "autoscaling.alpha.kubernetes.io/current-metrics",
    ),
    "replicasets.apps": (
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
    ),
}
"""Annotations in which controllers keep what they know, of all kinds and of some."""

_MAPPING = (*(row.id for row in NAMESPACES), "binding-subjects")
ROWS: Sequence[Transform] = tuple(row for row in TRANSFORMS if row.change and (row.carry or row.id in _MAPPING))
"""Those for `--map-namespace` too, which change nothing without a mapping."""


def object_changes(before: Object, after: Object, group_resource: str) -> list[Change]:
    """Between two objects that `cleaned` gave. None if nothing that a user or a tool has set differs.

    What `kubectl apply` was given last is named only if nothing else has changed: it repeats the other fields.
    """
    old, before = _split(before)
    new, after = _split(after)
    found = list(changes(before, after, defaults_of(group_resource)))
    if not found and old != new:
        found.append(Change(LAST_APPLIED_PATH, old, new))
    return found


def cleaned(obj: Object, group_resource: str, context: Context) -> Object:
    """The object without noise, its namespaces mapped as `context` says. `obj` stays as it is."""
    result = copied_object(obj)
    for row in ROWS:
        if row.change and row.concerns(group_resource):
            row.change(result, context)
    return comparable(result, group_resource)


def comparable(obj: Object, group_resource: str) -> Object:
    """The object with lists that are really sets in one order, owners by name, and without controllers' notes."""
    metadata = dict(at(obj, "metadata"))
    annotations = at(metadata, "annotations")
    notes = annotations.keys() & {*_NOTES, *_NOTES_OF.get(group_resource, ())}
    if notes:
        rest = {key: value for key, value in annotations.items() if key not in notes}
        metadata["annotations"] = rest
        if not rest:
            del metadata["annotations"]
    if "finalizers" in metadata:
        metadata["finalizers"] = sorted(metadata["finalizers"])
    if "ownerReferences" in metadata:
        owners = (
            {field: owner[field] for field in ("apiVersion", "kind", "name", "controller") if owner.get(field)}
            for owner in metadata["ownerReferences"]
        )
        metadata["ownerReferences"] = sorted(owners, key=lambda owner: json.dumps(owner, sort_keys=True))
    return {**obj, "metadata": metadata}


def _split(obj: Object) -> tuple[object, Object]:
    """(what `kubectl apply` was given last, the object without it)"""
    metadata = at(obj, "metadata")
    annotations = dict(at(metadata, "annotations"))
    if LAST_APPLIED not in annotations:
        return ABSENT, obj
    applied = annotations.pop(LAST_APPLIED)
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    if annotations:
        rest["annotations"] = annotations
    return applied, {**obj, "metadata": rest}
