"""Carrying out a restore plan: wave by wave, the objects of a wave side by side, each with an outcome that was read back.

A run that is killed is simply run again: what it created is then unchanged, and what it left half done (owners of fields) is
recognised and finished. Nothing is retried that may have been carried out without looking first.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from holdfast.cluster.cluster import PatchType
from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import Action, ObjectResult, OnConflict, Result
from holdfast.objects.comparison import same
from holdfast.objects.fields import Object, at
from holdfast.objects.metadata import glimpse
from holdfast.objects.order import Item, waves
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
from holdfast.operations.restore_plan import PlannedObject, RestorePlan
from holdfast.operations.target import DEFINITIONS

THREADS = 16
_CHUNK = 256
_IMMUTABLE = "What differs cannot be changed in place. Delete it if nothing in it is needed, and run the restore again."
_TRIES = 5
_UNAUTHORIZED = 401
_TO_DO = frozenset((Action.CREATE, Action.UNCHECKED, Action.UPDATE, Action.MERGE))
_RESULTS = {
    Action.UNCHANGED: Result.UNCHANGED,
    Action.EXISTS: Result.SKIPPED,
    Action.LEFT_OUT: Result.SKIPPED,
    Action.BLOCKED: Result.FAILED,
}


class Execution:
    """One use of a plan. `results` grows while it runs, so that a cancelled or failed run can still be reported."""

    def __init__(self, plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
        self._plan = plan
        self._target = plan.target
        self._cancel = cancel
        self._progress = progress
        self._created: set[ObjectKey] = set()
        self.results: list[ObjectResult] = []

    def run(self) -> None:
        """Raises PlanRefused before anything is changed; Cancelled and ClusterUnreachable in between."""
        self._plan.check()
        self._plan.take()
        to_do = {item.key: item for item in self._plan.objects if item.action in _TO_DO}
        for item in self._plan.objects:
            if item.action not in _TO_DO:
                self.results.append(_result(item, _RESULTS[item.action], item.why, item.next))
        self._progress.phase("restore", len(to_do))
        with ThreadPoolExecutor(THREADS, thread_name_prefix="holdfast-restore") as pool:
            for wave in waves(Item(item.key, item.owners) for item in to_do.values()):
                self._restore_wave([to_do[item.key] for item in wave], pool)

    def _restore_wave(self, wave: Sequence[PlannedObject], pool: ThreadPoolExecutor) -> None:
        for start in range(0, len(wave), _CHUNK):
            self._cancel.check()
            by_path = {item.path: item for item in wave[start : start + _CHUNK]}
            tasks = []
            for path, original in self._plan.source.read_objects(list(by_path)):
                tasks.append(pool.submit(self._restore_one, by_path.pop(path), original))
            for item in by_path.values():
                why = "its content in the backup is damaged"
                self.results.append(_result(item, Result.FAILED, why, "See `holdfast repository check --read-data`."))
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                for task in tasks:
                    task.cancel()  # those that have not begun: a server that is away would let each one wait
                raise
        definitions = [item for item in wave if item.key.group_resource == DEFINITIONS]
        if definitions:
            self._await(definitions)

    def _await(self, definitions: Sequence[PlannedObject]) -> None:
        """Objects of a new kind can be made only once it is served."""
        for item in definitions:
            try:
                self._target.cluster.wait_established(item.key.name)
            except ClusterError as error:
                self._progress.warn(str(error))
        self._target.cluster.refresh_surface()

    def _restore_one(self, item: PlannedObject, original: Object) -> None:
        """Enters the result as soon as it is known, so that a run that ends early reports all that it did."""
        try:
            self._cancel.check()
            result = self._apply_until_answered(item, original)
        except ApiRefused as error:
            if error.status == _UNAUTHORIZED:
                raise  # nothing else can be done with this credential either
            next_step = _IMMUTABLE if error.reason == "Invalid" and item.action is Action.UPDATE else error.next
            result = _result(item, Result.FAILED, error.why or error.what, next_step)
        except (Cancelled, ClusterUnreachable):
            if item.key in self._created:  # it ended between the two calls
                why = "its field owners were not brought back yet"
                self.results.append(_result(item, Result.CREATED, why, "Run the restore again."))
            raise
        self.results.append(result)
        self._progress.advance()

    def _apply_until_answered(self, item: PlannedObject, original: Object) -> ObjectResult:
        """A lost answer may have been a success. Once more is safe: what was made is then found and looked at."""
        for _ in range(_TRIES - 1):
            try:
                return self._apply(item, original)
            except ClusterUnreachable:
                self._target.cluster.version()  # a read waits for a server that comes back, and fails for one that does not
        return self._apply(item, original)

    def _apply(self, item: PlannedObject, original: Object) -> ObjectResult:
        served = self._target.served(item.resource)
        if served is None:
            why = f"the cluster does not serve {item.resource.group_resource}"
            return _result(item, Result.FAILED, why, "Look at its CustomResourceDefinition in this report.")
        outcome = apply(self._plan.options.transforms, item.resource.group_resource, original, self._plan.context)
        if outcome.object is None:
            return _result(item, Result.SKIPPED, outcome.not_restored or "")
        desired, dropped = relink(outcome.object, self._find_uid, self._plan.options.mapping)
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
            live = self._get(served, key)
            if live is None:
                raise
            return self._change(served, item, original, desired, live)
        self._created.add(key)
        problem = self._restore_owners(served, key, plan.entries, made) if plan.entries else ""
        return _result(item, Result.CREATED, "; ".join(filter(None, (note, problem))))

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
        plan, key, kind = self._plan, item.key, item.resource.group_resource
        rows = plan.options.transforms
        completed = merged(rows, kind, live, desired, plan.context)
        if completed is None and same(live, desired, rows, kind, plan.context):
            if not is_unfinished(original, live):
                return _result(item, Result.UNCHANGED)
            problem = self._restore_owners(served, key, owners(original, desired), msgspec.json.encode(live))
            return _result(item, Result.UPDATED, problem or "its field owners were completed")
        is_update = completed is None
        if completed is None:
            if plan.options.on_conflict is not OnConflict.UPDATE or item.action is not Action.UPDATE:
                why = "it appeared after the plan was made, differs, and was left alone"
                return _result(item, Result.SKIPPED, why, "Make a new plan.")
            completed = carried(rows, kind, live, desired, plan.context)
        body = msgspec.json.encode(completed)
        made = self._target.cluster.replace(served, key.namespace, key.name, body, field_manager=FIELD_MANAGER)
        if _version(msgspec.json.decode(made)) == _version(live):
            return _result(item, Result.UNCHANGED)
        # All that was changed is ours now. What an update wrote is the backup's, and so is what a merge added to an object
        # that nobody else has written to; among other owners it stays ours.
        theirs = is_update or not owners(live, live)
        problem = self._restore_owners(served, key, owners(original, desired), made) if theirs else ""
        return _result(item, Result.UPDATED, problem)

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


def _result(item: PlannedObject, result: Result, why: str = "", next: str = "") -> ObjectResult:  # noqa: A002
    return ObjectResult(
        kind=item.key.group_resource,
        namespace=item.key.namespace,
        name=item.key.name,
        result=result,
        why=why,
        next=next,
    )
