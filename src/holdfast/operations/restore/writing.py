"""Writing one object of a restore: create it, or change the one that is there, and give its fields back to their owners.

What was done is read back from the server's answer. Nothing is retried that may have been carried out without looking first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.cluster.cluster import PatchType
from holdfast.errors import ApiRefused, ClusterUnreachable
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import Action, ObjectResult, OnConflict, Result
from holdfast.objects.comparison import same
from holdfast.objects.fields import Object, at
from holdfast.objects.metadata import glimpse
from holdfast.objects.owner_references import relink
from holdfast.objects.ownership import (
    FIELD_MANAGER,
    Call,
    Ownership,
    create_only,
    is_unfinished,
    owners,
    ownership,
    restoring_patch,
)
from holdfast.objects.pausing import (
    HELD_BACK,
    PAUSES,
    is_paused,
    is_still,
    paused,
    resumed,
    resuming_command,
    resuming_patch,
)
from holdfast.objects.status import status_owners, wants_status
from holdfast.objects.transforms import apply, carried, merged
from holdfast.operations.restore.plan import PlannedObject, RestorePlan
from holdfast.operations.restore.status import NEXT as STATUS_NEXT
from holdfast.operations.restore.status import restore_status

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Held:
    """An object that was written paused, and the owners that its fields get once it is let go."""

    served: Resource
    key: ObjectKey
    entries: tuple[Object, ...]


class ObjectWriter:
    """Writes objects of one plan. Thread-safe. `created` names what this run has made, also if it then failed.

    `held` are CronJobs, which must not start anything yet: `release` lets each go once the workloads are there.
    """

    def __init__(self, plan: RestorePlan) -> None:
        self._options = plan.options
        self._context = plan.context
        self._target = plan.target
        self._status_kinds = plan.status_kinds
        self.created: set[ObjectKey] = set()
        self.held: dict[ObjectKey, Held] = {}

    def write(self, item: PlannedObject, original: Object) -> ObjectResult:
        """Raises ApiRefused, ClusterUnreachable. A lost answer may have been a success, so what is there is looked at first."""
        for _ in range(_TRIES - 1):
            try:
                return self._apply(item, original)
            except ClusterUnreachable:
                self._target.cluster.version()  # a read waits for a server that comes back, and fails for one that does not
        return self._apply(item, original)

    def release(self, held: Held) -> str:
        """Lets an object act as it did before; returns why that was not possible, "" if it was.

        Raises ClusterUnreachable. What somebody else does to it meanwhile is a conflict: look again, try again.
        """
        pause = PAUSES[held.key.group_resource]
        for _ in range(_TRIES):
            live = self._get(held.served, held.key)
            if live is None or not is_paused(live):
                return ""  # somebody else took it away, or let it go
            body = msgspec.json.encode(resuming_patch(live, pause))
            try:
                made = self._target.cluster.patch(
                    held.served,
                    held.key.namespace,
                    held.key.name,
                    body,
                    patch_type=PatchType.MERGE,
                    field_manager=FIELD_MANAGER,
                )
            except ApiRefused as error:
                if error.reason == "Conflict":
                    continue
                return error.why or error.what
            return self._restore_owners(held.served, held.key, held.entries, made) if held.entries else ""
        return "somebody else keeps writing to it"

    def release_command(self, held: Held) -> str:
        """What a user can do where `release` could not."""
        live = self._get(held.served, held.key)
        return resuming_command(held.key, live or {}, PAUSES[held.key.group_resource])

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
        live = self._get(served, item.key)
        if live is None:
            return self._create(served, item, original, desired, note)
        return self._change(served, item, original, desired, live)

    def _create(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, note: str
    ) -> ObjectResult:
        """Raises ApiRefused unless the object was made or is there."""
        key, cluster = item.key, self._target.cluster
        pause = HELD_BACK.get(key.group_resource)
        held = pause is not None and not is_still(desired, pause)
        sent = paused(desired, pause) if pause is not None and held else desired
        # What is not finished with one call is ours until it is, so that a run that is killed is recognised.
        several = held or self._wants_status(served, original)
        plan = Ownership(Call.POST, FIELD_MANAGER) if several else ownership(original, desired)
        try:
            if plan.call is Call.APPLY:
                body = msgspec.json.encode(create_only(sent))
                made = cluster.patch(
                    served, key.namespace, key.name, body, patch_type=PatchType.APPLY, field_manager=plan.field_manager
                )
            else:
                body = msgspec.json.encode(sent)
                made = cluster.create(served, key.namespace, body, field_manager=plan.field_manager)
        except ApiRefused as error:
            # A Service of that name may be there with its node port: the server then finds the port taken, not the name.
            if error.reason not in ("AlreadyExists", "Conflict", "Invalid"):
                raise
            live = self._get(served, key)
            if live is None:
                raise
            return self._change(served, item, original, desired, live)
        self.created.add(key)
        if several:
            return self._finish(served, item, original, desired, made, result_of(item, Result.CREATED, note))
        problem = self._restore_owners(served, key, plan.entries, made) if plan.entries else ""
        return result_of(item, Result.CREATED, "; ".join(filter(None, (note, problem))))

    def _finish(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, made: bytes, done: ObjectResult
    ) -> ObjectResult:
        """What comes after the object itself: its status where that is asked for, and, unless it is held, its owners."""
        key, entries = item.key, owners(original, desired)
        if self._wants_status(served, original):
            try:
                made = restore_status(self._target.cluster, served, key, original, made)
            except ApiRefused as error:
                why = f"it is there, but its status was not restored: {error.why or error.what}"
                return result_of(item, Result.FAILED, why, STATUS_NEXT)
            entries += status_owners(original)
        if is_paused(msgspec.json.decode(made)):
            self.held[key] = Held(served, key, entries)
            return done
        problem = self._restore_owners(served, key, entries, made) if entries else ""
        return msgspec.structs.replace(done, why="; ".join(filter(None, (done.why, problem))))

    def _wants_status(self, served: Resource, original: Object) -> bool:
        chosen = served.group_resource in self._status_kinds
        return "status" in served.subresources and wants_status(original, chosen=chosen)

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
                found = self._get(served, item.key) if error.reason == "Conflict" else None
                if found is None:
                    raise
                live = found
        return self._change_once(served, item, original, desired, live)

    def _change_once(
        self, served: Resource, item: PlannedObject, original: Object, desired: Object, live: Object
    ) -> ObjectResult:
        key, kind = item.key, item.resource.group_resource
        rows, context = self._options.transforms, self._context
        pause = PAUSES.get(kind) if is_paused(live) else None
        if pause is not None:
            live = resumed(live, pause)  # what counts is how it acts when it is let go
            if kind in HELD_BACK:
                self._hold(served, key, original, desired)
                if item.action is not Action.UPDATE:
                    return result_of(item, Result.UPDATED, "an interrupted restore had left it suspended")
        completed = merged(rows, kind, live, desired, context)
        if completed is None and same(live, desired, rows, kind, context):
            if pause is not None or not is_unfinished(original, live):
                return result_of(item, Result.UNCHANGED)
            what = "its status and field owners" if self._wants_status(served, original) else "its field owners"
            done = result_of(item, Result.UPDATED, f"{what} were completed")
            return self._finish(served, item, original, desired, msgspec.json.encode(live), done)
        is_update = completed is None
        if completed is None:
            if self._options.on_conflict is not OnConflict.UPDATE or item.action is not Action.UPDATE:
                why = "it appeared after the plan was made, differs, and was left alone"
                return result_of(item, Result.SKIPPED, why, "Make a new plan.")
            completed = carried(rows, kind, live, desired, context)
        body = msgspec.json.encode(completed if pause is None else paused(completed, pause))
        made = self._target.cluster.replace(served, key.namespace, key.name, body, field_manager=FIELD_MANAGER)
        if _version(msgspec.json.decode(made)) == _version(live):
            return result_of(item, Result.UNCHANGED)
        # All that was changed is ours now. What an update wrote is the backup's, and so is what a merge added to an object
        # that nobody else has written to; among other owners it stays ours.
        theirs = (is_update or not owners(live, live)) and key not in self.held
        problem = self._restore_owners(served, key, owners(original, desired), made) if theirs else ""
        return result_of(item, Result.UPDATED, problem)

    def _hold(self, served: Resource, key: ObjectKey, original: Object, desired: Object) -> None:
        self.held[key] = Held(served, key, owners(original, desired))

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
                found = self._get(served, key)
                if found is None:
                    break
                live = found
            else:
                break
        return ""

    def _get(self, served: Resource, key: ObjectKey) -> Object | None:
        found = self._target.cluster.get(served, key.namespace, key.name)
        return None if found is None else msgspec.json.decode(found)

    def _find_uid(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        """An owner as it is in the target now: its wave is done, so it is there unless it failed."""
        resource = self._target.surface.by_kind(api_version, kind)
        if resource is None:
            return None
        found = self._target.cluster.get(resource, namespace if resource.namespaced else "", name)
        return None if found is None else glimpse(found).metadata.uid


def _version(obj: Any) -> str:
    return str(at(obj, "metadata").get("resourceVersion"))


def result_of(item: PlannedObject, result: Result, why: str = "", next: str = "") -> ObjectResult:  # noqa: A002
    return ObjectResult(
        kind=item.key.group_resource,
        namespace=item.key.namespace,
        name=item.key.name,
        result=result,
        why=why,
        next=next,
    )
