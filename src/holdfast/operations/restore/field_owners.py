"""Giving an object's fields back to the managers that owned them, by a second request after the object was written."""

from __future__ import annotations

import msgspec

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object
from holdfast.objects.ownership import restoring_patch

_TRIES = 5


def give_back(cluster: Cluster, served: Resource, key: ObjectKey, entries: tuple[Object, ...], made: bytes) -> str:
    """`made` is the object as it was written. A write in between is a conflict: look again, try again.

    Returns why it could not be done, "" if it was: the object itself is there all the same.
    """
    live: Object = msgspec.json.decode(made)
    for attempt in range(_TRIES):
        body = msgspec.json.encode(restoring_patch(entries, live))
        try:
            cluster.patch(served, key.namespace, key.name, body, patch_type=PatchType.MERGE)
        except ApiRefused as error:
            if error.reason == "NotFound":
                break  # its controller took it away already, as is its right
            if error.reason != "Conflict" or attempt == _TRIES - 1:
                return f"its field owners were not brought back: {error.why or error.what}"
            found = cluster.get(served, key.namespace, key.name)
            if found is None:
                break
            live = msgspec.json.decode(found)
        else:
            break
    return ""
