"""Writing one object of a restore: create it, or change the one that is there, and give its fields back to their owners.

What was done is read back from the server's answer. Nothing is retried that may have been carried out without looking first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from holdfast.cluster.cluster import PatchType
from holdfast.errors import ApiRefused, ClusterUnreachable
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import Action, ObjectResult, OnConflict, Result
from holdfast.objects.comparison import same
from holdfast.objects.destruction import reason_against_replacing
from holdfast.objects.fields import Object, at, items
from holdfast.objects.fingerprint import fingerprint
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
)
from holdfast.objects.pausing import (
    HELD_BACK,
    PAUSES,
    is_paused,
    is_still,
    let_go,
    paused,
)
from holdfast.objects.status import status_owners, wants_status
from holdfast.objects.transforms import carried, merged
from holdfast.operations.restore.field_owners import give_back
from holdfast.operations.restore.held import Held
from holdfast.operations.restore.plan import CHANGED_SINCE, PlannedObject, RestorePlan, result_of
from holdfast.operations.restore.removal import Remover
from holdfast.operations.restore.status import NEXT as STATUS_NEXT
from holdfast.operations.restore.status import restore_status

_TRIES = 5

Change = Callable[[Object], Object]
"""The desired object → the one that is sent; the argument stays as it is."""


class ObjectWriter:
    """Writes objects of one plan. Thread-safe. `created` names what this run has made, also if it then failed.

    `held` are CronJobs, which must not start anything yet: `held.release` lets each go once the workloads are there.
    """

    def __init__(self, plan: RestorePlan) -> None:
        self._options = plan.options
        self._context = plan.context
        self._preparation = plan.preparation
        self._target = plan.target
        self._remover = Remover(plan.target)
        self._status_kinds = plan.status_kinds
        self._unanswered: set[ObjectKey] = set()  # what may have been written although no answer came
        self.created: dict[ObjectKey, str] = {}  # key → uid
        self.held: dict[ObjectKey, Held] = {}

    def write(self, item: PlannedObject, original: Object, also: Change | None = None) -> ObjectResult:
        """Raises ApiRefused, ClusterUnreachable. A lost answer may have been a success, so what is there is looked at first.

        `also` changes the desired object once more, before it is sent.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._apply(item, original, also)
            except ClusterUnreachable:
                self._target.cluster.version()  # a read waits for a server that comes back, and fails for one that does not
                self._unanswered.add(item.key)
        return self._apply(item, original, also)

    def link_to_owners(self, item: PlannedObject, original: Object, done: ObjectResult) -> ObjectResult:
        """An object that was made before its owners gets its references to them; its result as it is then.

        Raises ApiRefused, ClusterUnreachable.
        """
        served, cluster, key = self._target.served(item.resource), self._target.cluster, item.key
        prepared = self._preparation.prepare(item.resource, original)
        if served is None or prepared.object is None:
            return done
        linked, dropped = relink(prepared.object, self._find_uid, self._options.mapping)
        body = msgspec.json.encode({"metadata": {"ownerReferences": items(linked, "metadata", "ownerReferences")}})
        made = cluster.patch(
            served, key.namespace, key.name, body, patch_type=PatchType.MERGE, field_manager=FIELD_MANAGER
        )
        entries = owners(prepared.original, linked)
        problem = give_back(cluster, served, key, entries, made) if entries else ""
        return msgspec.structs.replace(done, why="; ".join(filter(None, (_without(dropped), problem))))

    def _apply(self, item: PlannedObject, original: Object, also: Change | None) -> ObjectResult:
        served = self._target.served(item.resource)
        if served is None:
            why = f"the cluster does not serve {item.resource.group_resource}"
            return result_of(item, Result.FAILED, why, "Look at its CustomResourceDefinition in this report.")
        outcome = self._preparation.prepare(item.resource, original)
        if outcome.object is None:
            result = Result.FAILED if outcome.blocked else Result.SKIPPED
            return result_of(item, result, outcome.blocked or outcome.not_restored)
        original = outcome.original
        wanted = also(outcome.object) if also else outcome.object
        desired, dropped = relink(wanted, self._find_uid, self._options.mapping)
        note = _without(dropped)
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
            live = self._target.read(served, key)
            if live is None:
                raise
            return self._change(served, item, original, desired, live)
        uid = self.created[key] = glimpse(made).metadata.uid or ""
        if several:
            return self._finish(served, item, original, desired, made, result_of(item, Result.CREATED, note, uid=uid))
        problem = give_back(self._target.cluster, served, key, plan.entries, made) if plan.entries else ""
        return result_of(item, Result.CREATED, "; ".join(filter(None, (note, problem))), uid=uid)

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
        problem = give_back(self._target.cluster, served, key, entries, made) if entries else ""
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
        was_paused, live = is_paused(live), let_go(live, kind)  # what counts is how it acts
        if was_paused and kind in HELD_BACK:
            self.held[key] = Held(served, key, owners(original, desired))
            if item.action not in (Action.UPDATE, Action.REPLACE):
                return result_of(item, Result.UPDATED, "an interrupted restore had left it suspended")
        completed = merged(rows, kind, live, desired, context)
        if completed is None:
            done = self._left_as_it_is(served, item, original, desired, live, was_paused=was_paused)
            if done is not None:
                return done
        body = carried(rows, kind, live, desired, context) if completed is None else completed
        try:
            made = self._put(served, key, paused(body, PAUSES[kind]) if was_paused else body)
        except ApiRefused as error:
            may_replace = completed is None and self._options.on_conflict is OnConflict.REPLACE
            if error.reason != "Invalid" or not may_replace:
                raise
            return self._replace(served, item, original, desired, live)
        if _version(msgspec.json.decode(made)) == _version(live):
            return result_of(item, Result.UNCHANGED)
        # All that was changed is ours now. What an update wrote is the backup's, and so is what a merge added to an object
        # that nobody else has written to; among other owners it stays ours.
        theirs = (completed is None or not owners(live, live)) and key not in self.held
        problem = give_back(self._target.cluster, served, key, owners(original, desired), made) if theirs else ""
        return result_of(item, Result.UPDATED, problem)

    def _left_as_it_is(
        self,
        served: Resource,
        item: PlannedObject,
        original: Object,
        desired: Object,
        live: Object,
        *,
        was_paused: bool,
    ) -> ObjectResult | None:
        """The result of an object that is as wanted, or must not be changed; None if it is to be updated."""
        rows, kind = self._options.transforms, item.resource.group_resource
        if same(live, desired, rows, kind, self._context):
            if was_paused or not is_unfinished(original, live):
                return self._unchanged(item, live)
            what = "its status and field owners" if self._wants_status(served, original) else "its field owners"
            done = result_of(item, Result.UPDATED, f"{what} were completed")
            return self._finish(served, item, original, desired, msgspec.json.encode(live), done)
        if item.action not in (Action.UPDATE, Action.REPLACE):
            why = "it appeared after the plan was made, differs, and was left alone"
            return result_of(item, Result.SKIPPED, why, "Make a new plan.")
        if fingerprint(live, served) != item.seen:
            return result_of(item, Result.FAILED, *CHANGED_SINCE)
        return None

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

    def _put(self, served: Resource, key: ObjectKey, body: Object) -> bytes:
        encoded = msgspec.json.encode(body)
        return self._target.cluster.replace(served, key.namespace, key.name, encoded, field_manager=FIELD_MANAGER)

    def _find_uid(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        """An owner as it is in the target now: its wave is done, so it is there unless it failed."""
        resource = self._target.surface.by_kind(api_version, kind)
        if resource is None:
            return None
        found = self._target.cluster.get(resource, namespace if resource.namespaced else "", name)
        return None if found is None else glimpse(found).metadata.uid


def _without(owners: Sequence[str]) -> str:
    return f"without its owners {', '.join(owners)}, which do not exist here" if owners else ""


def _uid(obj: Any) -> str:
    return str(at(obj, "metadata").get("uid", ""))


def _version(obj: Any) -> str:
    return str(at(obj, "metadata").get("resourceVersion"))
