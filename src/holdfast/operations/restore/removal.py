"""Deleting objects: those that a plan names, and those that are to be created again."""

from __future__ import annotations

import msgspec

from holdfast.errors import ApiRefused, ClusterError, ClusterUnreachable
from holdfast.model.kubernetes import Resource
from holdfast.model.restore import ObjectResult, Result
from holdfast.objects.fields import Object, at
from holdfast.objects.fingerprint import fingerprint
from holdfast.operations.restore.plan import CHANGED_SINCE, PlannedObject, result_of
from holdfast.operations.restore.target import Target

_TRIES = 5
_POLL = 0.1  # seconds
_PATIENCE = 60.0  # seconds; the garbage collector needs up to 30 to hear of a new kind


class Remover:
    """Thread-safe. A deletion names uid and version of what was looked at: what somebody changed meanwhile stays."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def delete(self, item: PlannedObject) -> ObjectResult:
        """Deletes what was created since, if it is still as it was planned. Raises ApiRefused, ClusterUnreachable."""
        for _ in range(_TRIES - 1):
            try:
                return self._delete_once(item)
            except ClusterUnreachable:
                self._target.cluster.version()  # waits for a server that comes back, and fails for one that does not
            except ApiRefused as error:
                if error.reason not in ("Conflict", "NotFound"):
                    raise
        return self._delete_once(item)

    def _delete_once(self, item: PlannedObject) -> ObjectResult:
        key, cluster = item.key, self._target.cluster
        live = self._target.read(item.resource, key)
        if live is None:
            return result_of(item, Result.DELETED, "it is gone already")
        metadata = at(live, "metadata")
        if metadata.get("deletionTimestamp") and metadata.get("uid") == item.uid:
            return result_of(item, Result.DELETED, _waits_for(live))
        found = fingerprint(live, item.resource)
        if metadata.get("uid") != item.uid or found != item.seen:
            return result_of(item, Result.FAILED, *CHANGED_SINCE)
        answer = cluster.delete(
            item.resource, key.namespace, key.name, uid=item.uid, version=str(metadata.get("resourceVersion"))
        )
        return result_of(item, Result.DELETED, _waits_for(msgspec.json.decode(answer)))

    def make_room(self, served: Resource, item: PlannedObject, live: Object) -> None:
        """Deletes an object so that it can be created again, and returns when it is gone; what it owns stays.

        Raises ApiRefused, among them Conflict if it was changed since `live` was read; ClusterError if it does not go.
        """
        key, cluster = item.key, self._target.cluster
        metadata = at(live, "metadata")
        uid, version = str(metadata.get("uid")), str(metadata.get("resourceVersion"))
        cluster.delete(served, key.namespace, key.name, propagation="Orphan", uid=uid, version=version)
        clock = cluster.connection.clock
        deadline = clock.monotonic() + _PATIENCE
        while (left := self._target.read(served, key)) is not None and at(left, "metadata").get("uid") == uid:
            if clock.monotonic() >= deadline:
                raise ClusterError(
                    f"{key} is being deleted and does not go",
                    why=_waits_for(left) or "the server does not say what it waits for",
                    next="Look at what its finalizers wait for, and run the restore again.",
                )
            cluster.connection.sleep(_POLL)


def _waits_for(left: Object) -> str:
    """Why an object is still there after its deletion; "" if it is gone. A Status is what is answered then."""
    metadata = at(left, "metadata")
    if not metadata.get("deletionTimestamp"):
        return ""
    finalizers = metadata.get("finalizers")
    return f"it goes when its finalizers are done: {', '.join(finalizers)}" if finalizers else "it is being shut down"
