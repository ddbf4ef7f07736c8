"""Carries out what a decision asks for, and remembers what the API server refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from holdfast.api.conditions import timestamp
from holdfast.api.names import API_VERSION, MANAGER, RESOURCES
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.controller.actions import (
    Action,
    Apply,
    Bury,
    Create,
    Delete,
    Known,
    Look,
    Refusal,
    SetMetadata,
    SetStatus,
    Tell,
)
from holdfast.controller.views import EVENTS, PODS
from holdfast.controller.warnings import newest_warning
from holdfast.controller.world import Key
from holdfast.errors import ApiRefused
from holdfast.model.clock import Clock
from holdfast.model.kubernetes import Resource
from holdfast.objects.lost_pods import lost_status

_NOT_FOUND = 404
_CONFLICT = 409
_REFUSALS = frozenset(("Forbidden", "Invalid", "BadRequest", "NotFound"))
"""Answers to a creation that stay the same until somebody changes something. Others are passing, and raised."""
_RESOURCES: dict[str, Resource] = {resource.kind: resource for resource in RESOURCES}


class Executor:
    """`wrote` is called with the kind and the new state of each object that was written."""

    def __init__(self, cluster: Cluster, known: Known, clock: Clock, wrote: Callable[[str, bytes], None]) -> None:
        self._cluster = cluster
        self._known = known
        self._clock = clock
        self._wrote = wrote

    def carry_out(self, key: Key, uid: str, actions: Sequence[Action]) -> bool:
        """Returns whether the decision must be made again, because something was refused or learnt.

        Raises what the cluster raises for anything that may pass: the whole decision is then made again later.
        """
        again = False
        for action in actions:
            match action:
                case Apply() | Create():
                    again |= self._make(key, action)
                case Delete():
                    self._delete(action)
                case SetStatus():
                    self._set_status(key, action)
                case SetMetadata():
                    again |= self._set_metadata(key, uid, action)
                case Tell():
                    self._tell(key, uid, action)
                case Look():
                    again |= self._look(action)
                case Bury():
                    self._bury(action)
        return again

    def _make(self, key: Key, action: Apply | Create) -> bool:
        body = msgspec.json.encode(action.body)
        metadata = action.body["metadata"]
        try:
            if isinstance(action, Apply):
                answer = self._cluster.patch(
                    action.resource,
                    metadata["namespace"],
                    metadata["name"],
                    body,
                    patch_type=PatchType.APPLY,
                    field_manager=MANAGER,
                    force=True,
                )
            else:
                answer = self._cluster.create(action.resource, metadata["namespace"], body, field_manager=MANAGER)
        except ApiRefused as error:
            if error.reason == "AlreadyExists":
                return False
            if error.reason not in _REFUSALS:
                raise
            reason = "QuotaExceeded" if "exceeded quota" in error.why else error.reason
            self._known.refusals[key] = Refusal(reason, f"{error.what}: {error.why}.", self._clock.now())
            return True
        self._known.refusals.pop(key, None)
        self._wrote(action.resource.kind, answer)
        return False

    def _delete(self, action: Delete) -> None:
        try:
            self._cluster.delete(action.resource, action.namespace, action.name, uid=action.uid)
        except ApiRefused as error:
            if error.status not in (_NOT_FOUND, _CONFLICT):  # it is gone, or another one has its name
                raise

    def _set_status(self, key: Key, action: SetStatus) -> None:
        """Server-side apply, so that what a status no longer has goes away."""
        body = {
            "apiVersion": API_VERSION,
            "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "status": action.status,
        }
        try:
            answer = self._cluster.patch(
                _RESOURCES[key.kind],
                key.namespace,
                key.name,
                msgspec.json.encode(body),
                patch_type=PatchType.APPLY,
                subresource="status",
                field_manager=MANAGER,
                force=True,
            )
        except ApiRefused as error:
            if error.status != _NOT_FOUND:
                raise
            return
        self._wrote(key.kind, answer)

    def _set_metadata(self, key: Key, uid: str, action: SetMetadata) -> bool:
        body = {"metadata": {"uid": uid, **action.metadata}}
        try:
            answer = self._cluster.patch(
                _RESOURCES[key.kind],
                key.namespace,
                key.name,
                msgspec.json.encode(body),
                patch_type=PatchType.MERGE,
                field_manager=MANAGER,
            )
        except ApiRefused as error:
            if error.status not in (_NOT_FOUND, _CONFLICT):
                raise
            return error.status == _CONFLICT
        self._wrote(key.kind, answer)
        return False

    def _tell(self, key: Key, uid: str, action: Tell) -> None:
        now = timestamp(self._clock.now())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{key.name[:200]}.", "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid,
            },
            "type": action.type,
            "reason": action.reason,
            "message": action.message[:1000],
            "source": {"component": MANAGER},
            "reportingComponent": "holdfast.dev/controller",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._cluster.create(EVENTS, key.namespace, msgspec.json.encode(body))
        except ApiRefused as error:
            # A quota of events, or a namespace that is going: what matters is in the status too.
            if error.reason not in (*_REFUSALS, "AlreadyExists"):
                raise

    def _bury(self, action: Bury) -> None:
        try:
            self._cluster.patch(
                PODS,
                action.namespace,
                action.name,
                msgspec.json.encode({"metadata": {"uid": action.uid}, "status": lost_status()}),
                patch_type=PatchType.MERGE,
                subresource="status",
                field_manager=MANAGER,
            )
        except ApiRefused as error:
            if error.status not in (_NOT_FOUND, _CONFLICT):
                raise

    def _look(self, action: Look) -> bool:
        newest = newest_warning(self._cluster, action)
        if not newest or self._known.events.get(action) == newest:
            return False
        self._known.events[action] = newest
        return True
