"""Taking a restore back: what it changed or deleted becomes what its safety point kept, what it created goes.

Which objects it created is known from its report, by UID. A restore that was killed left none: then what its safety point says to
have been absent goes if it is exactly what the restore would have made. What somebody changed or made since stays, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import NotFound, NothingSelected, PlanRefused
from holdfast.ids import SnapshotId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress, Silent
from holdfast.model.restore import Action, ObjectName, OnConflict, RestoreReport, Result
from holdfast.model.run import Verb
from holdfast.model.selection import EVERYTHING, ClusterObjects, Selection
from holdfast.objects.fields import Object
from holdfast.objects.fingerprint import fingerprint
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.metadata import Glimpse, key_of
from holdfast.objects.transforms import Context
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.capture import Capture, Taken
from holdfast.operations.catalog import LATEST, Catalog, Entry
from holdfast.operations.restore.deletion import planned_deletion
from holdfast.operations.restore.opening import make_plan, open_backup
from holdfast.operations.restore.plan import NoObjects, PlannedObject, RestoreOptions, RestorePlan
from holdfast.operations.restore.planner import plan_restore
from holdfast.operations.restore.preparation import Preparation
from holdfast.operations.restore.report import open_report
from holdfast.operations.restore.safety_point import SafetyPoint, open_safety_point
from holdfast.operations.restore.target import NAMESPACES, Target
from holdfast.operations.restore.versions import Versions
from holdfast.repository.repository import Repository

_VERBS = (Verb.RESTORE_RUN, Verb.RESTORE_UNDO)


@dataclass(frozen=True, slots=True)
class Undoable:
    """A restore that can be taken back: it has a report, a safety point, or both."""

    run: str
    report: RestoreReport | None
    safety_point: SafetyPoint | None

    @property
    def cluster(self) -> str:
        if self.safety_point is not None:
            return self.safety_point.entry.snapshot.hostname
        return self.report.cluster if self.report else ""

    @property
    def backup(self) -> str:
        """Id of the snapshot that was restored from."""
        if self.safety_point is not None:
            return self.safety_point.safety.backup
        return self.report.backup if self.report else ""


def find_undoable(repository: Repository, catalog: Catalog, reference: str) -> Undoable:
    """By the start of the restore's id, or `latest`: of an undo that was interrupted, then, the restore that it took back.

    Raises NotFound, DamagedData.
    """
    points = {entry.tags.get(tags.RUN): entry for entry in catalog.safety_points}
    reports = {entry.tags.get(tags.RUN): entry for entry in catalog.reports(*_VERBS)}
    runs = sorted({**points, **reports}.items(), key=lambda item: item[1].time)
    if reference == LATEST:
        names = [run for run, _ in runs][-1:]
    else:
        names = [run for run, _ in runs if reference and run.startswith(reference)]
    if len(names) != 1:
        why = f"it means {', '.join(names)}" if names else "no restore by this id has left a report or a safety point"
        raise NotFound(f"there is no one restore {reference!r:.80}", why=why, next="See `holdfast restore list`.")
    run = names[0]
    report = safety = None
    if run in reports:
        found, _ = open_report(repository, reports[run])
        report = found if isinstance(found, RestoreReport) else None
    if run in points:
        safety = open_safety_point(repository, points[run])
        finishes = points[run].tags.get(tags.UNDOES)
        if reference == LATEST and finishes and catalog.is_open(points[run]):
            return find_undoable(repository, catalog, finishes)
    return Undoable(run, report, safety)


class Undo:
    """The task of `restore undo`."""

    verb = Verb.RESTORE_UNDO
    hooks = None

    def __init__(
        self, repository: Repository, catalog: Catalog, undoable: Undoable, cluster: Cluster, *, delete_data: bool
    ) -> None:
        self._repository = repository
        self._catalog = catalog
        self._undoable = undoable
        self._cluster = cluster
        self._target = Target(cluster)
        self._options = RestoreOptions(
            selection=EVERYTHING, on_conflict=OnConflict.REPLACE, rollback=True, delete_data=delete_data
        )
        point = undoable.safety_point
        self.backup = point.entry.id.hex() if point else ""
        self.name = f"before-{undoable.run}"
        self.undoes = undoable.run

    def plan(self, cancel: Cancel, progress: Progress) -> RestorePlan:
        """Raises PlanRefused if the restore went to another cluster, or its safety point is gone."""
        report, point = self._undoable.report, self._undoable.safety_point
        if report is not None and report.safety_point and point is None:
            raise PlanRefused(
                f"the restore {self._undoable.run} cannot be undone any more",
                why="its safety point was removed from the repository; `holdfast backup forget` does that after some days",
                next="Restore an older backup of the same objects.",
            )
        uid = self._cluster.identity().uid if self._undoable.cluster else ""
        if uid != self._undoable.cluster:
            raise PlanRefused(
                f"the restore {self._undoable.run} went to another cluster",
                why=f"it went to {self._undoable.cluster}, and this one is {uid}",
                next="Choose that cluster with --kubeconfig or --context.",
            )
        plan = self._what_was(cancel, progress)
        known = {item.key for item in plan.objects}
        deletions = [
            item for item in [*self._created(), *self._left_by_a_killed_run(cancel, progress)] if item.key not in known
        ]
        deletions = self._without_strangers(deletions, cancel)
        plan.objects = sorted([*plan.objects, *deletions], key=lambda item: item.key)
        return plan

    def notes(self, plan: RestorePlan) -> list[str]:
        del plan
        return []

    def _what_was(self, cancel: Cancel, progress: Progress) -> RestorePlan:
        """The plan that brings back what the safety point kept."""
        point = self._undoable.safety_point
        options = replace(self._options, rollback=False)  # what is to go is known by name
        if point is not None:
            surface = self._cluster.api_surface()
            source = BackupSource(self._repository.reader, point.contents, point.record, surface, cancel)
            try:
                plan = plan_restore(source, self._target, options, cancel, progress)
            except NothingSelected:
                pass
            else:
                plan.options = self._options
                return plan
        context = Context(live=self._target.live)
        nothing = Preparation(Versions(None, self._target), (), context, ())
        return RestorePlan(self._options, self._target, context, nothing, NoObjects(), [], [])

    def _created(self) -> Iterator[PlannedObject]:
        """What the report says to have been created."""
        report = self._undoable.report
        for item in report.objects if report else ():
            if item.result is not Result.CREATED:
                continue
            resource, live = self._find(ObjectName(kind=item.kind, namespace=item.namespace, name=item.name))
            if resource is None or live is None:
                continue
            planned = self._deletion(resource, live)
            if planned.uid != item.uid:
                why = "it is not what the restore created: somebody made another one of this name"
                planned = replace(planned, action=Action.KEEP, why=why)
            yield planned

    def _left_by_a_killed_run(self, cancel: Cancel, progress: Progress) -> Iterator[PlannedObject]:
        """What the safety point says to have been absent, as far as no report tells of it."""
        point, report = self._undoable.safety_point, self._undoable.report
        if point is None:
            return
        told = {
            (item.kind, item.namespace, item.name)
            for item in (report.objects if report else ())
            if item.result is Result.CREATED
        }
        absent = {
            key: (resource, live)
            for name in point.safety.absent
            if (name.kind, name.namespace, name.name) not in told
            for resource, live in [self._find(name)]
            if resource is not None and live is not None
            for key in [ObjectKey(resource.group, resource.plural, name.namespace, name.name)]
        }
        if not absent:
            return
        as_restored = self._as_restored(point, absent, cancel, progress)
        for key, (resource, live) in absent.items():
            planned = self._deletion(resource, live)
            if key not in as_restored:
                why = "it was absent before the restore, but is not what the restore would have made"
                planned = replace(planned, action=Action.KEEP, why=why)
            yield planned

    def _as_restored(
        self, point: SafetyPoint, keys: Iterable[ObjectKey], cancel: Cancel, progress: Progress
    ) -> set[ObjectKey]:
        """Which of these live objects are as the restore makes them from its backup."""
        entry = self._entry(point.safety.backup)
        if entry is None:
            return set()
        back = {new: old for old, new in point.safety.namespaces.items()}
        names = tuple(str(_source_key(key, back)) for key in keys)
        selection = Selection(objects=names, cluster_objects=ClusterObjects.NONE)
        options = RestoreOptions(selection=selection, mapping=ObjectMapping(NameMap(point.safety.namespaces)))
        try:
            plan = make_plan(
                self._repository, open_backup(self._repository, entry), self._cluster, options, cancel, progress
            )
        except (NotFound, NothingSelected):
            return set()
        return {item.key for item in plan.objects if item.action in (Action.UNCHANGED, Action.MERGE)}

    def _entry(self, snapshot_id: str) -> Entry | None:
        wanted = SnapshotId.parse(snapshot_id) if snapshot_id else None
        return next((entry for entry in self._catalog.entries if entry.id == wanted), None)

    def _find(self, name: ObjectName) -> tuple[Resource | None, Object | None]:
        resource = self._target.surface.of(name.kind)
        if resource is None:
            return None, None
        return resource, self._target.find(resource, name.namespace, name.name)

    def _deletion(self, resource: Resource, live: Object) -> PlannedObject:
        seen = msgspec.convert(live, Glimpse)
        found = fingerprint(live, resource)
        why, with_data = "the restore created it", self._options.delete_data
        return planned_deletion(resource, seen, found, self._target.surface, why, with_data=with_data)

    def _without_strangers(self, deletions: list[PlannedObject], cancel: Cancel) -> list[PlannedObject]:
        """A namespace that the restore created goes only if nothing is in it that the restore did not create."""
        going = {item.key for item in deletions if item.action is Action.DELETE}
        return [self._unless_others_use_it(item, going, cancel) if item.key in going else item for item in deletions]

    def _unless_others_use_it(self, item: PlannedObject, going: set[ObjectKey], cancel: Cancel) -> PlannedObject:
        if item.key.group_resource != NAMESPACES:
            return item
        selection = Selection(namespaces=(item.key.name,), cluster_objects=ClusterObjects.NONE)
        sink = _Strangers({*going, item.key})
        try:
            Capture(self._cluster, selection, sink, cancel, Silent(), companions=False).run()
        except NothingSelected:  # it is being deleted
            return item
        if not sink.found:
            return item
        why = f"it holds what the restore did not create: {', '.join(map(str, sink.found[:3]))}"
        return replace(item, action=Action.KEEP, why=why)


class _Strangers:
    """A sink for what is in a namespace and does not go; what a controller makes goes with its owner."""

    def __init__(self, going: set[ObjectKey]) -> None:
        self._going = going
        self.found: list[ObjectKey] = []

    def keep(self, taken: Taken) -> ObjectKey | None:
        resource, seen = taken.resource, taken.seen
        key = key_of(resource, seen)
        return None if key in self._going or seen.controller or seen.name == "default" else key

    def commit(self, resource: Resource, tokens: list[ObjectKey | None]) -> None:  # noqa: ARG002 - the sink's contract
        self.found += [key for key in tokens if key is not None]


def _source_key(key: ObjectKey, back: dict[str, str]) -> ObjectKey:
    """The key in the backup of an object that was restored under another namespace."""
    if key.group_resource == "namespaces":
        return key._replace(name=back.get(key.name, key.name))
    return key._replace(namespace=back.get(key.namespace, key.namespace))
