"""Reading and changing claims and their volumes in the target."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from holdfast.api.names import CLI_MANAGER
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object

_POLL = 0.5


def read(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Object | None:
    """None if there is none. Raises ApiRefused, ClusterUnreachable."""
    found = cluster.get(resource, namespace, name)
    return None if found is None else msgspec.json.decode(found)


def change(cluster: Cluster, resource: Resource, namespace: str, name: str, patch: Object) -> Object:
    """A JSON merge patch, which does no harm a second time; the object as it is then. Raises ApiRefused, ClusterUnreachable."""
    body = msgspec.json.encode(patch)
    made = cluster.patch(resource, namespace, name, body, patch_type=PatchType.MERGE, field_manager=CLI_MANAGER)
    return msgspec.json.decode(made)  # type: ignore[no-any-return]


def remove(cluster: Cluster, resource: Resource, namespace: str, name: str, uid: str) -> None:
    """That one object; it may stay while somebody holds it. One that is gone, or has another's name now, is no error."""
    try:
        cluster.delete(resource, namespace, name, uid=uid)
    except ApiRefused as error:
        if error.reason not in ("NotFound", "Conflict"):
            raise


def await_true(cluster: Cluster, seconds: float, what: str, true: Callable[[], bool], next_step: str) -> None:
    """Raises ClusterError if it does not become true in time, and what `true` raises."""
    clock = cluster.connection.clock
    end = clock.monotonic() + seconds
    while not true():
        if clock.monotonic() > end:
            raise ClusterError(what, why=f"it did not happen within {seconds:.0f} s", next=next_step)
        cluster.connection.sleep(_POLL)
