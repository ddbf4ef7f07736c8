"""Writing the status of a restored object, through the subresource that is there for it."""

from __future__ import annotations

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object
from holdfast.objects.ownership import FIELD_MANAGER
from holdfast.objects.status import with_status

_TRIES = 5
NEXT = "Give the account the right to update the status (RBAC), and run the restore again."


def restore_status(cluster: Cluster, served: Resource, key: ObjectKey, original: Object, made: bytes) -> bytes:
    """The object as it is with its status. A controller's write in between is a conflict: look again, try again.

    Raises ApiRefused. An object that its controller took away already is no failure.
    """
    for attempt in range(_TRIES):
        body = msgspec.json.encode(with_status(msgspec.json.decode(made), original))
        try:
            return cluster.replace(
                served, key.namespace, key.name, body, subresource="status", field_manager=FIELD_MANAGER
            )
        except ApiRefused as error:
            if error.reason == "NotFound":
                return made
            if error.reason != "Conflict" or attempt == _TRIES - 1:
                raise
            made = cluster.get(served, key.namespace, key.name) or made
    return made
