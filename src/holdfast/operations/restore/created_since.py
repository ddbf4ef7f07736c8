"""What was created since a backup, within what the backup covers: the deletions of a rollback's plan.

An object is created since if it is live, the selections of both the backup and the restore take it, the backup could list its
kind and does not hold it, and it is not older than the backup. Only namespaces that the backup has are looked at: one that is new
stays with all it holds. Whenever something is in doubt the object stays.

What a workload lives on may serve others too, so a selection by workloads or by single objects has no such deletions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace

import msgspec

from holdfast.errors import DamagedData, NothingSelected
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import Action
from holdfast.model.run import Problem
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects import selection as selecting
from holdfast.objects.fingerprint import fingerprint
from holdfast.objects.metadata import Glimpse, key_of
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.capture import Capture, Taken
from holdfast.operations.restore.deletion import planned_deletion
from holdfast.operations.restore.gitops import Owners
from holdfast.operations.restore.plan import PlannedObject, RestoreOptions
from holdfast.operations.restore.target import NAMESPACES, Target


@dataclass(frozen=True, slots=True)
class _Candidate:
    resource: Resource
    seen: Glimpse
    fingerprint: bytes
    owner: str  # in GitOps; "" if there is none


class _Sink:
    """Keeps what is not in the plan."""

    def __init__(self, planned: Collection[ObjectKey], owners: Owners) -> None:
        self._planned = planned
        self._owners = owners
        self.candidates: list[_Candidate] = []

    def keep(self, taken: Taken) -> _Candidate | None:
        resource, seen = taken.resource, taken.seen
        if key_of(resource, seen) in self._planned:
            return None
        live = msgspec.json.decode(taken.data)
        return _Candidate(resource, seen, fingerprint(live, resource), self._owners.of(live))

    def commit(self, resource: Resource, tokens: list[_Candidate | None]) -> None:  # noqa: ARG002 - the sink's contract
        self.candidates += [token for token in tokens if token is not None]


def created_since(
    source: BackupSource,
    target: Target,
    options: RestoreOptions,
    planned: Collection[ObjectKey],
    cancel: Cancel,
    progress: Progress,
) -> tuple[list[PlannedObject], list[Problem]]:
    """(deletions, and what stays though it is new; what hinders). `planned` are all objects that the backup holds."""
    if source.problems:
        return [], [_nothing_is_deleted("the backup cannot be read completely, so nobody knows what it held")]
    coverage = _Coverage(source, target, options.selection, planned)
    if coverage.selection is None:
        return [], []
    progress.phase("look for what was created since")
    sink = _Sink(planned, Owners(target))
    captured = Capture(target.cluster, coverage.selection, sink, cancel, progress, companions=False).run()
    found = [
        _planned(candidate, target, coverage, options)
        for candidate in sink.candidates
        if coverage.includes(candidate.resource, candidate.seen)
    ]
    return found, captured.problems


def _planned(candidate: _Candidate, target: Target, coverage: _Coverage, options: RestoreOptions) -> PlannedObject:
    resource, seen = candidate.resource, candidate.seen
    why, with_data = "it was created since", options.delete_data
    planned = planned_deletion(resource, seen, candidate.fingerprint, target.surface, why, with_data=with_data)
    if coverage.is_older(seen):
        return replace(planned, action=Action.KEEP, why="it is older than the backup, which does not hold it")
    if candidate.owner and planned.action is Action.DELETE:
        return replace(planned, action=Action.KEEP, why=f"{candidate.owner} makes it, and would make it again")
    return planned


class _Coverage:
    """What of the live cluster the backup would hold if it had been there."""

    def __init__(self, source: BackupSource, target: Target, wanted: Selection, planned: Collection[ObjectKey]) -> None:
        self._source = source
        record = source.record
        self._kinds = {kind.group_resource: kind for kind in source.kinds}
        self._known = self._kinds.keys() | set(record.empty)
        self._unread = {(entry.kind, entry.namespace) for entry in record.unread}
        self._began = dt.datetime.fromisoformat(record.started_at).replace(microsecond=0)
        held = Selection.from_dict(record.selection)
        names = {key.namespace or key.name for key in planned if key.namespace or key.group_resource == NAMESPACES}
        live = [seen for name in sorted(names) if (seen := _namespace(target, name)) is not None]
        covered = _resolved(held, live) & _resolved(wanted, live)
        inside = [one for one in live if one.name in covered]
        self.selection = _narrowed(wanted, covered)  # None: nothing is covered as a whole
        narrowed = _narrowed(held, covered)
        if self.selection is None or narrowed is None:
            self.selection = None
            return
        surface = target.surface
        self._held = selecting.apply(narrowed, surface.resources, inside, surface.find)

    def includes(self, resource: Resource, seen: Glimpse) -> bool:
        """Whether the backup would hold this object if it had existed, and does not."""
        kind = resource.group_resource
        if kind not in self._known or {(kind, ""), (kind, seen.namespace)} & self._unread:
            return False
        if kind == NAMESPACES or not self._held.decide(resource, seen).included:
            return False
        held = self._kinds.get(kind)
        try:
            return held is None or not self._source.holds(held, seen.namespace, seen.name)
        except DamagedData:
            return False

    def is_older(self, seen: Glimpse) -> bool:
        text = seen.metadata.creation_timestamp
        return text is None or dt.datetime.fromisoformat(text) < self._began


def _namespace(target: Target, name: str) -> Glimpse | None:
    live = target.live(ObjectKey("", NAMESPACES, "", name))
    return None if live is None else msgspec.convert(live, Glimpse)


def _resolved(selection: Selection, live: list[Glimpse]) -> set[str]:
    """Those of the live namespaces that a selection means as a whole."""
    existing = {seen.name for seen in live}
    names = tuple(name for name in selection.namespaces if selecting.is_glob(name) or name in existing)
    if not selection.has_namespaces or (selection.namespaces and not names):
        return set()
    try:
        return set(selecting.resolve_namespaces(replace(selection, namespaces=names), live).names)
    except NothingSelected:
        return set()


def _narrowed(selection: Selection, namespaces: set[str]) -> Selection | None:
    """The same selection in these namespaces, without objects that are named one by one; None if it takes nothing."""
    narrowed = replace(
        selection,
        namespaces=tuple(sorted(namespaces)),
        all_namespaces=False,
        exclude_namespaces=(),
        namespace_selector="",
        objects=(),
        workloads=(),
        cluster_objects=ClusterObjects.ALL if selection.takes_everything else selection.cluster_objects,
    )
    takes_kinds = narrowed.cluster_objects is ClusterObjects.ALL or narrowed.include_kinds
    return narrowed if namespaces or takes_kinds else None


def _nothing_is_deleted(why: str) -> Problem:
    return Problem(
        "what was created since is not deleted", why, "See `holdfast repository check`, or use --on-conflict replace."
    )
