"""The row for the plans and locations of Holdfast itself, which act by themselves where a controller is.

The controller writes an object's UID into the annotation when it takes the object up, and acts only while the two are the same
(`holdfast.api.names.STAMP_ANNOTATION`). A restored object has another UID than the one that it is a copy of.
"""

from __future__ import annotations

from holdfast.objects.fields import Object, at, put, remove
from holdfast.objects.transforms.transform import Context, Transform

_STAMP = "holdfast.dev/uid"
_NO_UID = "of-a-copy"


def _stamp(obj: Object, _: Context) -> None:
    """An object that no controller had taken up yet gets its own former UID, which no other object will ever have."""
    metadata = at(obj, "metadata")
    if not at(metadata, "annotations").get(_STAMP):
        put(obj, "metadata", "annotations", _STAMP, value=metadata.get("uid") or _NO_UID)


def _carry_stamp(live: Object, desired: Object, _: Context) -> None:
    stamp = at(live, "metadata", "annotations").get(_STAMP)
    if stamp:
        put(desired, "metadata", "annotations", _STAMP, value=stamp)
    else:
        remove(desired, "metadata", "annotations", _STAMP)


OWN_KINDS: tuple[Transform, ...] = (
    Transform(
        "copied-plan",
        "A copy of a plan or location would back up, forget and prune beside its original, so it bears the original's UID in"
        " the annotation `holdfast.dev/uid`, and rests until it is resumed; one that is live keeps its own.",
        frozenset({"backupplans.holdfast.dev", "storagelocations.holdfast.dev"}),
        change=_stamp,
        carry=_carry_stamp,
    ),
)
