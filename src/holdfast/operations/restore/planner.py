"""What a restore would do, object by object, computed from lists before anything is changed.

Order: select from the backup, then for each object: is its kind served, what do the transforms make of it, is it there
already and equal.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.errors import ApiRefused, NothingSelected
from holdfast.model.cancel import Cancel
from holdfast.model.diff import FieldChange
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import Action, OnConflict
from holdfast.objects.comparison import changes
from holdfast.objects.diff.noise import object_changes
from holdfast.objects.diff.shown import Room, shown
from holdfast.objects.diff.walk import Change
from holdfast.objects.fields import Object, at, items, namespace_of
from holdfast.objects.fingerprint import fingerprint
from holdfast.objects.metadata import key_of
from holdfast.objects.ownership import is_unfinished
from holdfast.objects.paths import object_path
from holdfast.objects.pausing import HELD_BACK, is_paused, let_go
from holdfast.objects.transforms import Context, merged
from holdfast.objects.webhook_failures import unanswered
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.capture import Capture, Taken
from holdfast.operations.restore.advice import Advice
from holdfast.operations.restore.created_since import created_since
from holdfast.operations.restore.plan import PlannedObject, RestoreOptions, RestorePlan
from holdfast.operations.restore.preparation import Preparation, Prepared
from holdfast.operations.restore.target import NAMESPACES, Target
from holdfast.operations.restore.versions import Route, Versions

_PARALLEL_CHECKS = 8
_PARALLEL_KINDS = 4
_CHUNK = 500
_ROOM = 16 << 20  # bytes of values in what the plan shows


@dataclass(frozen=True, slots=True)
class _Selected:
    resource: Resource
    key: ObjectKey  # in the backup
    path: str
    reason: str


class _Verdict(NamedTuple):
    """The last fields of a PlannedObject, in its order."""

    action: Action
    why: str = ""
    next: str = ""
    changes: tuple[FieldChange, ...] = ()
    seen: bytes = b""


class _SelectedSink:
    def __init__(self) -> None:
        self.selected: list[_Selected] = []

    def keep(self, taken: Taken) -> _Selected | None:
        resource, seen = taken.resource, taken.seen
        if seen.metadata.uid is None:
            return None  # a namespace that is not in the backup itself, see BackupSource
        key = key_of(resource, seen)
        return _Selected(resource, key, object_path(resource, seen.namespace, seen.name), taken.reason)

    def commit(self, resource: Resource, tokens: list[_Selected | None]) -> None:  # noqa: ARG002 - the sink's contract
        self.selected.extend(token for token in tokens if token is not None)


def plan_restore(
    source: BackupSource, target: Target, options: RestoreOptions, cancel: Cancel, progress: Progress
) -> RestorePlan:
    """Raises NothingSelected, and what selections and the target raise."""
    status_kinds = frozenset(source.api_surface().find(kind).group_resource for kind in options.restore_status)
    sink = _SelectedSink()
    captured = Capture(source, options.selection, sink, cancel, progress).run()
    if not sink.selected:
        why = "; ".join(problem.what for problem in [*captured.problems, *source.problems][:3])
        raise NothingSelected("the backup holds no objects of this selection", why=why)
    planner = _Planner(source, target, options, sink.selected, cancel, progress)
    objects = planner.advice.complete(planner.run())
    problems = [*captured.problems, *source.problems]
    if options.rollback:
        since, hindrances = created_since(source, target, options, [item.key for item in objects], cancel, progress)
        objects = sorted([*objects, *since], key=lambda item: item.key)
        problems += hindrances
    plan = RestorePlan(options, target, planner.context, planner.preparation, source, objects, problems)
    plan.status_kinds = status_kinds
    plan.notes, plan.to_hold = planner.advice.notes(), planner.advice.to_hold()
    return plan


class _Planner:
    def __init__(
        self,
        source: BackupSource,
        target: Target,
        options: RestoreOptions,
        selected: Sequence[_Selected],
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._cancel = cancel
        self._progress = progress
        self._versions = Versions(source, target)
        self._selected = {entry.key: entry for entry in selected}
        self._back = {self._target_key(entry): entry.key for entry in selected}  # the target's key → the backup's
        self._refused: dict[ObjectKey, bool] = {}
        self._guard = threading.Lock()
        self._room = Room(_ROOM)
        self.context = Context(
            mapping=options.mapping,
            live=target.live,
            in_plan=self._in_plan,
            subresources=self._subresources,
            quarantine=options.quarantine,
        )
        self.preparation = Preparation(self._versions, options.transforms, self.context, options.patches)
        self.advice = Advice(target, options, self.context)

    def run(self) -> list[PlannedObject]:
        self._progress.phase("plan", len(self._selected))
        by_kind: dict[Resource, list[_Selected]] = {}
        for entry in self._selected.values():
            by_kind.setdefault(entry.resource, []).append(entry)
        with ThreadPoolExecutor(_PARALLEL_KINDS, thread_name_prefix="holdfast-plan") as pool:
            planned = pool.map(self._plan_kind, by_kind.items())
            return sorted((item for part in planned for item in part), key=lambda item: item.key)

    def _plan_kind(self, kind: tuple[Resource, list[_Selected]]) -> list[PlannedObject]:
        resource, selected = kind
        route = self._versions.route(resource)
        by_path = {entry.path: entry for entry in selected}
        served = self._target.served(route.resource)
        planned = []
        for start in range(0, len(selected), _CHUNK):
            self._cancel.check()
            for path, original in self._source.read_objects([entry.path for entry in selected[start : start + _CHUNK]]):
                planned.append(self._plan_object(route, served, by_path[path], original))
                self._progress.advance()
        if served is not None:
            self._target.forget(served)
        return planned

    def _plan_object(
        self, route: Route, served: Resource | None, selected: _Selected, original: Object
    ) -> PlannedObject:
        outcome = self.preparation.prepare(route.resource, original)
        desired, key = outcome.object, self._target_key(selected)
        if route.blocked or desired is None:
            verdict = self._stopped(route, outcome)
        elif served is None:
            verdict = self._unserved(route.resource)
        else:
            verdict = self._without_namespace(key) or self._compared(served, key, outcome.original, desired)
        verdict = verdict._replace(why="; ".join(filter(None, (verdict.why, route.note))))
        owners = self._owners(desired) if desired else ()
        item = PlannedObject(route.resource, key, selected.path, owners, *verdict, reason=selected.reason)
        return self.advice.look_at(item, outcome.original, desired)

    @staticmethod
    def _stopped(route: Route, outcome: Prepared) -> _Verdict:
        """Why there is no desired object."""
        if route.blocked:
            return _Verdict(Action.BLOCKED, route.blocked, route.next)
        if outcome.blocked:
            next_step = "Correct the patch, or leave the object out of the restore."
            return _Verdict(Action.BLOCKED, outcome.blocked, next_step)
        return _Verdict(Action.LEFT_OUT, outcome.not_restored)

    def _without_namespace(self, key: ObjectKey) -> _Verdict | None:
        """None if the object's namespace is there, or the object needs none."""
        namespace_state = self._target.namespace_state(key.namespace) if key.namespace else "Active"
        if namespace_state == "Terminating":
            why = f"the namespace {key.namespace} is being deleted"
            return _Verdict(Action.BLOCKED, why, "Wait until it is gone, or restore into another with --map-namespace.")
        if namespace_state:
            return None
        if self._in_plan(ObjectKey("", NAMESPACES, "", key.namespace)):
            return _Verdict(Action.UNCHECKED, "its namespace does not exist yet")
        why = f"the namespace {key.namespace} does not exist and is not part of this restore"
        return _Verdict(Action.BLOCKED, why, f"Create it with `kubectl create namespace {key.namespace}`.")

    def _compared(self, served: Resource, key: ObjectKey, original: Object, desired: Object) -> _Verdict:
        try:
            live = self._target.find(served, key.namespace, key.name)
        except ApiRefused as error:
            if error.reason != "Forbidden" and unanswered(error.why) is None:
                raise
            return _Verdict(Action.UNCHECKED, f"nobody can say whether it exists: {error.why}")
        if live is None:
            return _Verdict(Action.CREATE)
        return self._existing(served, original, desired, live)

    def _existing(self, served: Resource, original: Object, desired: Object, live: Object) -> _Verdict:
        if at(live, "metadata").get("deletionTimestamp"):
            return _Verdict(Action.BLOCKED, "it is being deleted", "Wait until it is gone; look at its finalizers.")
        rows, kind = self._options.transforms, served.group_resource
        was_paused = is_paused(live)
        live = let_go(live, kind)  # what counts is how it acts
        completed = merged(rows, kind, live, desired, self.context)
        if completed is not None:
            if completed == live:
                return _Verdict(Action.UNCHANGED)
            added = self._shown(kind, object_changes(live, completed, kind))
            return _Verdict(Action.MERGE, "it gets what it lacks", changes=added)
        found = self._shown(kind, changes(live, desired, rows, kind, self.context))
        if kind in HELD_BACK and was_paused and not (found and self._changes_what_differs):
            return _Verdict(Action.MERGE, "an interrupted restore left it suspended", changes=found)
        if not found:
            if is_unfinished(original, live):
                return _Verdict(Action.MERGE, "an interrupted restore left its field owners unfinished")
            return _Verdict(Action.UNCHANGED)
        if self._changes_what_differs:
            return _Verdict(Action.UPDATE, changes=found, seen=fingerprint(live, served))
        why = "it differs and stays as it is"
        return _Verdict(Action.EXISTS, why, "Use --on-conflict update to change it.", found)

    @property
    def _changes_what_differs(self) -> bool:
        return self._options.on_conflict in (OnConflict.UPDATE, OnConflict.REPLACE)

    def _shown(self, kind: str, found: Sequence[Change]) -> tuple[FieldChange, ...]:
        return tuple(shown(found, kind, self._room, show_secrets=self._options.show_secrets))

    def _unserved(self, resource: Resource) -> _Verdict:
        group, plural = resource.group, resource.plural
        if ObjectKey("apiextensions.k8s.io", "customresourcedefinitions", "", f"{plural}.{group}") in self._selected:
            return _Verdict(Action.UNCHECKED, "its definition does not exist yet")
        why = f"the cluster does not serve {resource.group_resource}"
        next_step = "Install what defines this kind, or select its CustomResourceDefinition too."
        return _Verdict(Action.BLOCKED, why, next_step)

    # What transforms ask

    def _in_plan(self, key: ObjectKey) -> bool:
        """Selected, and not refused by a row. `key` is the target's."""
        source_key = self._back.get(key)
        if source_key is None:
            return False
        refused = self._refused.get(source_key)
        if refused is None:
            entry = self._selected[source_key]
            readable = list(self._source.read_objects([entry.path]))
            resource = self._versions.route(entry.resource).resource
            refused = not readable or any(
                self.preparation.prepare(resource, original).object is None for _, original in readable
            )
            self._refused[source_key] = refused
        return not refused

    def _subresources(self, api_version: str, kind: str) -> frozenset[str]:
        served = self._target.surface.by_kind(api_version, kind)
        if served is not None:
            return served.subresources
        known = self._source.api_surface().by_kind(api_version, kind)
        return known.subresources if known else frozenset(("status",))

    def _target_key(self, entry: _Selected) -> ObjectKey:
        return self._mapped(entry.key._replace(group=self._versions.route(entry.resource).resource.group))

    def _mapped(self, key: ObjectKey) -> ObjectKey:
        names = self._options.mapping.namespaces
        if key.group_resource == NAMESPACES:
            return key._replace(name=names[key.name])
        return key._replace(namespace=names[key.namespace]) if key.namespace else key

    def _owners(self, desired: Object) -> tuple[ObjectKey, ...]:
        return tuple(
            ObjectKey(kind.group, kind.plural, namespace_of(desired) if kind.namespaced else "", str(owner.get("name")))
            for owner in items(desired, "metadata", "ownerReferences")
            if (kind := self._kind(str(owner.get("apiVersion")), str(owner.get("kind")))) is not None
        )

    def _kind(self, api_version: str, kind: str) -> Resource | None:
        return self._source.api_surface().by_kind(api_version, kind) or self._target.surface.by_kind(api_version, kind)
