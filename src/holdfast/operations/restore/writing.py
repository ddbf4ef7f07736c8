"""Writing one object of a restore: create it, or change the one that is there, and give its fields back to their owners.

What was done is read back from the server's answer. Nothing is retried that may have been carried out without looking first.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.cluster.cluster import PatchType
from holdfast.errors import ApiRefused, ClusterUnreachable
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import Action, ObjectResult, OnConflict, Result
from holdfast.objects.comparison import same
from holdfast.objects.destruction import reason_against_replacing
from holdfast.objects.fields import Object, at
from holdfast.objects.fingerprint import fingerprint
from holdfast.objects.metadata import glimpse
from holdfast.objects.owner_references import relink
from holdfast.objects.ownership import (
    FIELD_MANAGER,
    Call,
    create_only,
    is_unfinished,
    owners,
    ownership,
    restoring_patch,
)
from holdfast.objects.transforms import apply, carried, merged
from holdfast.operations.restore.plan import CHANGED_SINCE, PlannedObject, RestorePlan, result_of
from holdfast.operations.restore.removal import Remover

_TRIES = 5


class ObjectWriter:
    """Writes objects of one plan. Thread-safe. `created` names what this run has made, also if it then failed."""

    def __init__(self, plan: RestorePlan) -> None:
        self._options = plan.options
        self._context = plan.context
        self._target = plan.target
        self._remover = Remover(plan.target)
        self._unanswered: set[ObjectKey] = set()  # what may have been written although no answer came
        self.created: dict[ObjectKey, str] = {}  # key → uid

    def write(self, item: PlannedObject, original: Object) -> ObjectResult:
        """Raises ApiRefused, ClusterUnreachable. A lost answer may have been a success, so what is there is looked at first."""
        for _ in range(_TRIES - 1):
            try:
                return self._apply(item, original)
            except ClusterUnreachable:
                self._target.cluster.version()  # a read waits for a server that comes back, and fails for one that does not
                self._unanswered.add(item.key)
        return self._apply(item, original)

    def _apply(self, item: PlannedObject, original: Object) -> ObjectResult:
        served = self._target.served(item.resource)
        if served is None:
            why = f"the cluster does not serve {item.resource.group_resource}"
            return result_of(item, Result.FAILED, why, "Look at its CustomResourceDefinition in this report.")
        outcome = apply(self._options.transforms, item.resource.group_resource, original, self._context)
        if outcome.object is None:
            return result_of(item, Result.SKIPPED, outcome.not_restored or "")
        desired, dropped = relink(outcome.object, self._find_uid, self._options.mapping)
        note = f"without its owners {', '.join(dropped)}, which do not exist here" if dropped else ""
        if item.action in (Action.CREATE, Action.UNCHECKED):
            return self._create(served, item, original, desired, note)
        live = self._target.read(served, item.key)
        if live is None:
            return self._create(served, item, original, desired, note)
        return self._change(served, item, original, desired, live)

    def _create(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, note: str
    ) -> ObjectResult:
        """Raises ApiRefused unless the object was made or is there."""
        key, cluster = item.key, self._target.cluster
        plan = ownership(original, desired)
        try:
            if plan.call is Call.APPLY:
                body = msgspec.json.encode(create_only(desired))
                made = cluster.patch(
                    served, key.namespace, key.name, body, patch_type=PatchType.APPLY, field_manager=plan.field_manager
                )
            else:
                body = msgspec.json.encode(desired)
                made = cluster.create(served, key.namespace, body, field_manager=plan.field_manager)
        except ApiRefused as error:
            if error.reason not in ("AlreadyExists", "Conflict"):
                raise
            live = self._target.read(served, key)
            if live is None:
                raise
            return self._change(served, item, original, desired, live)
        uid = self.created[key] = _uid(msgspec.json.decode(made))
        problem = self._restore_owners(served, key, plan.entries, made) if plan.entries else ""
        return result_of(item, Result.CREATED, "; ".join(filter(None, (note, problem))), uid=uid)

    def _change(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, live: Object
    ) -> ObjectResult:
        """What is to be done with an object that is there, also one that appeared since the plan was made.

        A controller's write in between is answered with a conflict: look again, decide again.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._change_once(served, item, original, desired, live)
            except ApiRefused as error:
                found = self._target.read(served, item.key) if error.reason == "Conflict" else None
                if found is None:
                    raise
                live = found
        return self._change_once(served, item, original, desired, live)

    def _change_once(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, live: Object
    ) -> ObjectResult:
        key, kind = item.key, item.resource.group_resource
        rows, context = self._options.transforms, self._context
        completed = merged(rows, kind, live, desired, context)
        if completed is None and same(live, desired, rows, kind, context):
            if not is_unfinished(original, live):
                return self._unchanged(item, live)
            problem = self._restore_owners(served, key, owners(original, desired), msgspec.json.encode(live))
            return result_of(item, Result.UPDATED, problem or "its field owners were completed")
        is_update = completed is None
        if completed is None:
            if item.action not in (Action.UPDATE, Action.REPLACE):
                why = "it appeared after the plan was made, differs, and was left alone"
                return result_of(item, Result.SKIPPED, why, "Make a new plan.")
            if fingerprint(live, has_status="status" in served.subresources) != item.seen:
                return result_of(item, Result.FAILED, *CHANGED_SINCE)
            completed = carried(rows, kind, live, desired, context)
        body = msgspec.json.encode(completed)
        try:
            made = self._target.cluster.replace(served, key.namespace, key.name, body, field_manager=FIELD_MANAGER)
        except ApiRefused as error:
            if error.reason != "Invalid" or not is_update or self._options.on_conflict is not OnConflict.REPLACE:
                raise
            return self._replace(served, item, original, desired, live)
        if _version(msgspec.json.decode(made)) == _version(live):
            return result_of(item, Result.UNCHANGED)
        # All that was changed is ours now. What an update wrote is the backup's, and so is what a merge added to an object
        # that nobody else has written to; among other owners it stays ours.
        theirs = is_update or not owners(live, live)
        problem = self._restore_owners(served, key, owners(original, desired), made) if theirs else ""
        return result_of(item, Result.UPDATED, problem)

    def _replace(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, live: Object
    ) -> ObjectResult:
        """Order: ask the server whether it would accept the object, delete, wait until it is gone, create.

        Killed after the deletion, the next run creates what is missing.
        """
        if reason := reason_against_replacing(item.key.group_resource, live):
            why = f"what differs cannot be changed in place, and it is never replaced: {reason}"
            return result_of(
                item, Result.FAILED, why, "Keep it as it is, or delete it by hand if nothing in it is needed."
            )
        self._target.try_creating(served, item.key.namespace, desired)
        self._remover.make_room(served, item, live)
        try:
            made = self._create(served, item, original, desired, "")
        except ApiRefused as error:
            why = f"it was deleted, and could not be created again: {error.why or error.what}"
            next_step = "Remove the cause and run the restore again, or take it back with `holdfast restore undo`."
            return result_of(item, Result.FAILED, why, next_step)
        return msgspec.structs.replace(made, result=Result.REPLACED) if made.result is Result.CREATED else made

    def _unchanged(self, item: PlannedObject, live: Object) -> ObjectResult:
        """What is there as wanted may be what we created without hearing of it."""
        if item.key in self._unanswered and item.action is Action.CREATE:
            return result_of(item, Result.CREATED, uid=_uid(live))
        return result_of(item, Result.UNCHANGED)

    def _restore_owners(self, served: Resource, key: ObjectKey, entries: tuple[Object, ...], made: bytes) -> str:
        """Gives the fields back to their managers. A write in between is a conflict: look again, try again.

        Returns why it could not be done, "" if it was: the object itself is there all the same.
        """
        live: Object = msgspec.json.decode(made)
        for attempt in range(_TRIES):
            body = msgspec.json.encode(restoring_patch(entries, live))
            try:
                self._target.cluster.patch(served, key.namespace, key.name, body, patch_type=PatchType.MERGE)
            except ApiRefused as error:
                if error.reason == "NotFound":
                    break  # its controller took it away already, as is its right
                if error.reason != "Conflict" or attempt == _TRIES - 1:
                    return f"its field owners were not brought back: {error.why or error.what}"
                found = self._target.read(served, key)
                if found is None:
                    break
                live = found
            else:
                break
        return ""

    def _find_uid(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        """An owner as it is in the target now: its wave is done, so it is there unless it failed."""
        resource = self._target.surface.by_kind(api_version, kind)
        if resource is None:
            return None
        found = self._target.cluster.get(resource, namespace if resource.namespaced else "", name)
        return None if found is None else glimpse(found).metadata.uid


def _uid(obj: Any) -> str:
    return str(at(obj, "metadata").get("uid", ""))


def _version(obj: Any) -> str:
    return str(at(obj, "metadata").get("resourceVersion"))
