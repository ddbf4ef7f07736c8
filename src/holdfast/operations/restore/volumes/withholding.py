"""What is not made because of the data of a claim: nothing may start on a claim whose data is missing.

A database that finds an empty directory begins a new one. So what mounts such a claim is not made, nor its owners, which would
make it themselves, nor what these own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from holdfast.model.kubernetes import ObjectKey
from holdfast.model.restore import Action, VolumeAction
from holdfast.operations.restore.plan import CREATING, PlannedObject, PlannedVolume
from holdfast.operations.restore.volumes.mounting import CLAIMS

WITHOUT_DATA = "Remove the cause and run the restore again; or let it leave the data out, with --volumes none."


def withheld(objects: Sequence[PlannedObject], why: Mapping[ObjectKey, str]) -> dict[ObjectKey, str]:
    """Objects that are not to be made, and the reason of each: those with one, their owners, and whatever these own.

    Claims among these are made: what is in them harms nobody.
    """
    owners = {item.key: item.owners for item in objects}
    owned: dict[ObjectKey, list[ObjectKey]] = {}
    for key, its_owners in owners.items():
        for owner in its_owners:
            owned.setdefault(owner, []).append(key)
    reasons = _spread(_spread(why, lambda key: owners.get(key, ())), lambda key: owned.get(key, ()))
    return {key: reason for key, reason in reasons.items() if key in owners and key.group_resource != CLAIMS}


def blocked(objects: Sequence[PlannedObject], volumes: Sequence[PlannedVolume]) -> list[PlannedObject]:
    """A plan's objects; claims whose data is blocked are not made, nor what must not be made without it."""
    claims = {
        volume.item.key: volume
        for volume in volumes
        if volume.view.action is VolumeAction.BLOCKED and volume.item.action in (*CREATING, Action.BLOCKED)
    }
    if not claims:
        return list(objects)
    stopped = withheld(
        objects, reasons((volume, f"cannot be restored: {volume.view.why}") for volume in claims.values())
    )

    def judged(item: PlannedObject) -> PlannedObject:
        if item.key in claims:
            view = claims[item.key].view
            return replace(item, action=Action.BLOCKED, why=view.why, next=view.next)
        if item.key in stopped and item.action in CREATING:
            return replace(item, action=Action.BLOCKED, why=stopped[item.key], next=WITHOUT_DATA)
        return item

    return [judged(item) for item in objects]


def reasons(volumes: Iterable[tuple[PlannedVolume, str]]) -> dict[ObjectKey, str]:
    """(volume, what is the matter with its data) → who mounts it → why it is not made."""
    return {
        key: f"the data of its volume {volume.view.name} {matter}"
        for volume, matter in volumes
        for key in volume.mounted_by
    }


def _spread(why: Mapping[ObjectKey, str], onward: Callable[[ObjectKey], Iterable[ObjectKey]]) -> dict[ObjectKey, str]:
    reached, left = dict(why), list(why)
    while left:
        key = left.pop()
        for other in onward(key):
            if other not in reached:
                reached[other] = reached[key]
                left.append(other)
    return reached
