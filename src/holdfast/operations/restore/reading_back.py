"""Proof of a restore: every object that it wrote is read again and compared with what was wanted.

What was wanted is worked out anew from the backup, by the same transforms, so an object is verified exactly if a second restore
would find nothing to do. Controllers change some objects at once and rightly (an autoscaler the replicas, cert-manager a CA
bundle); such an object differs, and its fields and their writers are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

import msgspec
from msgspec import structs

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import ObjectResult, ReadBack, Result
from holdfast.model.run import Problem
from holdfast.objects.comparison import differences
from holdfast.objects.field_writers import writers
from holdfast.objects.fields import Object, at, items
from holdfast.objects.metadata import glimpse
from holdfast.objects.owner_references import relink
from holdfast.objects.ownership import is_unfinished
from holdfast.objects.pausing import let_go
from holdfast.objects.transforms import merged
from holdfast.operations.restore.live_objects import LiveObjects, read_live
from holdfast.operations.restore.plan import PlannedObject, RestorePlan
from holdfast.operations.restore.target import Target

_PARALLEL_LISTS = 4
_WRITTEN = (Result.CREATED, Result.UPDATED, Result.REPLACED)
_REMADE = "replicasets.apps"  # their Deployment deletes those that are more than its history holds


@dataclass(frozen=True, slots=True)
class Proof:
    results: list[ObjectResult]  # all, with what was found
    problems: list[Problem]
    notes: list[str]


def read_back(plan: RestorePlan, results: Sequence[ObjectResult], cancel: Cancel, progress: Progress) -> Proof:
    """Raises ClusterUnreachable, Cancelled."""
    return _ReadingBack(plan, cancel, progress).run(results)


class _ReadingBack:
    def __init__(self, plan: RestorePlan, cancel: Cancel, progress: Progress) -> None:
        self._plan = plan
        self._cancel = cancel
        self._progress = progress
        self._target = Target(plan.target.cluster)  # nothing remembered from before the restore
        self._context = replace(plan.context, live=self._target.live)
        self._preparation = plan.preparation.within(self._context)
        self._problems: list[Problem] = []
        self._unreadable: dict[str, str] = {}  # object → why

    def run(self, results: Sequence[ObjectResult]) -> Proof:
        planned = {(item.key.group_resource, item.key.namespace, item.key.name): item for item in self._plan.objects}
        to_read = (*_WRITTEN, Result.DELETED)
        written = {_name(one): one for one in results if one.result in to_read and _name(one) in planned}
        items_ = [planned[name] for name in written]
        self._progress.phase("read back", len(items_))
        found: dict[tuple[str, str, str], ObjectResult] = {}
        with ThreadPoolExecutor(_PARALLEL_LISTS, thread_name_prefix="holdfast-read-back") as pool:
            scopes = [list(group) for _, group in groupby(sorted(items_, key=_scope), key=_scope)]
            for proved in pool.map(lambda scope: self._scope(scope, written), scopes):
                found.update((_name(one), one) for one in proved)
        return Proof([found.get(_name(one), one) for one in results], self._problems, self._notes(found))

    def _scope(
        self, scope: Sequence[PlannedObject], written: dict[tuple[str, str, str], ObjectResult]
    ) -> list[ObjectResult]:
        """Objects of one kind in one namespace."""
        self._cancel.check()
        first = scope[0]
        served = self._target.served(first.resource)
        live = self._read(served, scope) if served is not None else LiveObjects()
        proved = [self._prove_gone(item, written[_key(item)], live) for item in scope if _is_deleted(item, written)]
        by_path = {item.path: item for item in scope if not _is_deleted(item, written)}
        for path, original in self._plan.source.read_objects(list(by_path)):
            item = by_path[path]
            proved.append(self._prove(item, written[_key(item)], original, live))
            self._progress.advance()
        return proved

    def _read(self, served: Resource, scope: Sequence[PlannedObject]) -> LiveObjects:
        names = [item.key.name for item in scope]
        try:
            return read_live(self._target.cluster, served, scope[0].key.namespace, names)
        except ApiRefused as error:
            return LiveObjects(refused=dict.fromkeys(names, error.why or error.what))

    def _prove(self, item: PlannedObject, result: ObjectResult, original: Object, live: LiveObjects) -> ObjectResult:
        name = item.key.name
        if name in live.refused:
            self._unreadable[str(item.key)] = live.refused[name]
            return structs.replace(result, read_back=ReadBack.UNREADABLE)
        data = live.found.get(name)
        found: Object | None = None if data is None else msgspec.json.decode(data)
        if found is None or at(found, "metadata").get("deletionTimestamp"):
            return self._gone(item, result, original, found)
        paths = self._differences(item, original, found)
        if result.uid and at(found, "metadata").get("uid") != result.uid:
            paths.insert(0, "metadata.uid")  # another one took its place
        if not paths:
            return structs.replace(result, read_back=ReadBack.VERIFIED)
        by = sorted({writer for path in paths for writer in writers(found, path)})
        changed = f"it is not as it was sent: {', '.join(paths)}" + (f", now of {', '.join(by)}" if by else "")
        why = "; ".join(filter(None, (result.why, changed)))
        return structs.replace(result, why=why, read_back=ReadBack.DIFFERS, differences=paths)

    def _prove_gone(self, item: PlannedObject, result: ObjectResult, live: LiveObjects) -> ObjectResult:
        """What a rollback deleted. Finalizers may hold it for a while."""
        self._progress.advance()
        name = item.key.name
        if name in live.refused:
            self._unreadable[str(item.key)] = live.refused[name]
            return structs.replace(result, read_back=ReadBack.UNREADABLE)
        found = live.found.get(name)
        if found is None or glimpse(found).metadata.uid != item.uid:
            return structs.replace(result, read_back=ReadBack.VERIFIED)
        return structs.replace(result, why="it is still there, being deleted", read_back=ReadBack.DIFFERS)

    def _gone(self, item: PlannedObject, result: ObjectResult, original: Object, found: Object | None) -> ObjectResult:
        why = "it was there and is gone" if found is None else "it is being deleted"
        controlled = any(owner.get("controller") for owner in items(original, "metadata", "ownerReferences"))
        if not controlled and item.key.group_resource != _REMADE:
            next_step = "See who deletes it: its owner, an operator, or somebody at work."
            self._problems.append(Problem(f"{item.key} did not stay", why, next_step))
        return structs.replace(result, why="; ".join(filter(None, (result.why, why))), read_back=ReadBack.MISSING)

    def _differences(self, item: PlannedObject, original: Object, live: Object) -> list[str]:
        rows, kind = self._plan.options.transforms, item.key.group_resource
        prepared = self._preparation.prepare(item.resource, original)
        if prepared.object is None:
            return []
        live = let_go(live, kind)
        desired = relink(prepared.object, self._find_uid, self._plan.options.mapping).object
        completed = merged(rows, kind, live, desired, self._context)
        if completed is not None:
            return [] if completed == live else sorted(key for key in completed if completed.get(key) != live.get(key))
        paths = differences(live, desired, rows, kind, self._context)
        return [*paths, "metadata.managedFields"] if not paths and is_unfinished(prepared.original, live) else paths

    def _find_uid(self, api_version: str, kind: str, namespace: str, name: str) -> str | None:
        resource = self._target.surface.by_kind(api_version, kind)
        if resource is None:
            return None
        key = ObjectKey(resource.group, resource.plural, namespace if resource.namespaced else "", name)
        owner = self._target.live(key)
        return None if owner is None else str(at(owner, "metadata").get("uid"))

    def _notes(self, found: dict[tuple[str, str, str], ObjectResult]) -> list[str]:
        notes = []
        differing = sum(one.read_back is ReadBack.DIFFERS for one in found.values())
        if differing:
            notes.append(f"Objects that were changed since they were restored, as controllers do: {differing}")
        if self._unreadable:
            names, reasons = sorted(self._unreadable), sorted(set(self._unreadable.values()))
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            notes.append(f"Not read back: {', '.join(names[:5])}{more}, because {'; '.join(reasons[:3])}")
        return notes


def _is_deleted(item: PlannedObject, written: dict[tuple[str, str, str], ObjectResult]) -> bool:
    return written[_key(item)].result is Result.DELETED


def _name(result: ObjectResult) -> tuple[str, str, str]:
    return result.kind, result.namespace, result.name


def _key(item: PlannedObject) -> tuple[str, str, str]:
    return item.key.group_resource, item.key.namespace, item.key.name


def _scope(item: PlannedObject) -> tuple[str, str, str]:
    return item.key.group_resource, item.key.namespace, item.resource.version
