"""Status that comes back: for which objects, and how.

Status is what a controller observed, and is observed anew; but some controllers keep in it what they cannot find out again.
"""

from __future__ import annotations

from holdfast.objects.fields import Object, at, copied, items

ANNOTATIONS = ("holdfast.dev/restore-status", "velero.io/restore-status")
"""On an object, `true` or `false`: it decides before the kind does."""

_SEEN = "observedGeneration"


def wants_status(original: Object, *, chosen: bool) -> bool:
    """Whether the status of a backup's object is to come back. `chosen`: its kind was."""
    if not at(original, "status"):
        return False
    for annotation in ANNOTATIONS:
        value = at(original, "metadata", "annotations").get(annotation)
        if value in ("true", "false"):
            return bool(value == "true")
    return chosen


def with_status(live: Object, original: Object) -> Object:
    """The live object with the backup's status. A generation that was observed is never one that is yet to come."""
    status = copied(original["status"])
    generation = at(live, "metadata").get("generation")
    for part in (status, *items(status, "conditions")):
        if isinstance(generation, int) and isinstance(part.get(_SEEN), int):
            part[_SEEN] = min(part[_SEEN], generation)
    return {**live, "status": status}


def status_owners(original: Object) -> tuple[Object, ...]:
    """The entries of managedFields that say who wrote the status."""
    return tuple(
        entry for entry in items(original, "metadata", "managedFields") if entry.get("subresource") == "status"
    )
