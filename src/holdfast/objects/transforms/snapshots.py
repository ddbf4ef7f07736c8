"""Rows for VolumeSnapshots: the object is a wish or a handle, and neither is the data."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, remove
from holdfast.objects.transforms.transform import Context, Transform

_GROUP = "snapshot.storage.k8s.io"
_RETAIN = "Retain"


def _refuse_wish(obj: Object, _: Context) -> str | None:
    claim = at(obj, "spec", "source").get("persistentVolumeClaimName")
    return f"created again it would be a snapshot of what is in the claim {claim} then" if claim else None


def _refuse_made(obj: Object, _: Context) -> str | None:
    return "its driver made it for a VolumeSnapshot that is not restored" if _volume(obj) else None


def _volume(obj: Object) -> object:
    return at(obj, "spec", "source").get("volumeHandle")


def _release(obj: Object, context: Context) -> None:
    reference = at(obj, "spec", "volumeSnapshotRef")
    remove(reference, "uid")
    remove(reference, "resourceVersion")
    if "namespace" in reference:
        reference["namespace"] = context.mapping.namespaces[reference["namespace"]]
    if "deletionPolicy" in at(obj, "spec"):
        obj["spec"]["deletionPolicy"] = _RETAIN


def _carry_reference(live: Object, desired: Object, _: Context) -> None:
    old, new = at(live, "spec", "volumeSnapshotRef"), at(desired, "spec", "volumeSnapshotRef")
    if all(old.get(field) == new.get(field) for field in ("namespace", "name")):
        for field in ("uid", "resourceVersion"):
            if field in old:
                new[field] = old[field]


SNAPSHOTS: tuple[Transform, ...] = (
    Transform(
        "snapshot-of-claim",
        "A VolumeSnapshot of a claim is a wish: created again it would become a snapshot of today's volume under the name of"
        " the old one.",
        frozenset({f"volumesnapshots.{_GROUP}"}),
        refuse=_refuse_wish,
    ),
    Transform(
        "snapshot-content",
        "A VolumeSnapshotContent that a driver made belongs to such a wish and is left out; one that a user made for a"
        " snapshot in storage is bound anew, and kept from deleting it, because the original names the same snapshot.",
        frozenset({f"volumesnapshotcontents.{_GROUP}"}),
        refuse=_refuse_made,
        change=_release,
        carry=_carry_reference,
    ),
)
