"""`backup diff`: which objects were added, changed and removed between a backup and another one, or the live cluster.

Both sides are asked with the selection that both cover: what one of the backups did not take is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import DamagedData, NothingSelected
from holdfast.model.backup import BackupRecord, ResourceRecord
from holdfast.model.cancel import Cancel
from holdfast.model.diff import ObjectChange, ObjectsDiff
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem
from holdfast.model.selection import Selection
from holdfast.objects.mapping import NameMap
from holdfast.objects.paths import ROOT
from holdfast.objects.short_names import SHORT_NAMES
from holdfast.operations.object_diff.backup_side import BackupSide
from holdfast.operations.object_diff.comparison import ObjectComparison
from holdfast.operations.object_diff.recorded import known_part, mapped, recorded
from holdfast.operations.object_diff.sides import LiveSide, Side
from holdfast.operations.restore.run import OpenedBackup
from holdfast.operations.tree_diff import TreeComparison
from holdfast.repository.contents import FoundNode
from holdfast.repository.repository import Repository
from holdfast.repository.tree import NodeType

LIVE = "live"
_RBAC = "rbac.authorization.k8s.io"
_SEARCHED = tuple(
    ResourceRecord(group=_RBAC, version="v1", plural=f"{kind.lower()}s", kind=kind, namespaced=False, count=0)
    for kind in ("ClusterRole", "ClusterRoleBinding")
)
"""Kinds that a capture searches for companions, and that a backup may have none of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOptions:
    """What a user asks for. Without a selection everything that both sides cover is compared."""

    selection: Selection | None = None
    namespaces: NameMap = field(default_factory=NameMap)  # of the first backup → of the second side
    show_secrets: bool = False
    show_objects: bool = False  # also the fields of what was added and removed


def diff_with_live(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: DiffOptions,
    cancel: Cancel,
    progress: Progress,
) -> ObjectsDiff:
    """What turned the backup's objects into those of the cluster. Raises NothingSelected, and what selections raise."""
    covered = recorded(backup.record)
    names = _named(options.selection, covered)
    before = BackupSide(repository, backup, cluster.api_surface(), names, cancel, progress)
    kinds = _surface_of(backup.record).resources
    wanted = mapped(options.selection or covered, options.namespaces)
    after = LiveSide(cluster, kinds, mapped_names(names, options.namespaces), cancel, progress)
    comparison = _comparison(before, after, options)
    after.is_known = comparison.is_same
    _expect(before, options.selection, None, comparison)
    scope = None
    if options.selection is None:
        selection = known_part(wanted, after.source.api_surface())
    else:
        selection, scope = wanted, known_part(mapped(covered, options.namespaces), after.source.api_surface())
    if selection is not None and (options.selection is None or scope is not None):
        after.select(selection, scope, comparison.arrive)
    return _result(before, after, comparison, (backup.entry.id.hex(), LIVE))


def diff_backups(
    repository: Repository,
    first: OpenedBackup,
    second: OpenedBackup,
    options: DiffOptions,
    cancel: Cancel,
    progress: Progress,
) -> ObjectsDiff:
    """What turned the first backup's objects into those of the second. Raises as `diff_with_live` does."""
    covered = recorded(first.record), recorded(second.record)
    names = [*_named(options.selection, covered[0]), *_named(None, covered[1])]
    before = BackupSide(repository, first, _surface_of(second.record), names, cancel, progress)
    after = BackupSide(
        repository, second, _surface_of(first.record), mapped_names(names, options.namespaces), cancel, progress
    )
    comparison = _comparison(before, after, options)
    ids = first.entry.id.hex(), second.entry.id.hex()
    is_alike = covered[0] == covered[1]
    if options.selection is None and is_alike and not options.namespaces:
        _compare_trees(repository, (first, second), (before, after), comparison, cancel)
        return _result(before, after, comparison, ids)
    scope = None if is_alike or options.namespaces else covered[1]
    _expect(before, options.selection or scope, options.selection and scope, comparison)
    of_first = None if is_alike and not options.namespaces else mapped(covered[0], options.namespaces)
    if options.selection is not None:
        after.select(mapped(options.selection, options.namespaces), of_first, comparison.arrive)
    elif of_first is not None and (known := known_part(of_first, after.source.api_surface())) is not None:
        after.select(known, None, comparison.arrive)
    return _result(before, after, comparison, ids)


def mapped_names(names: list[str], mapping: NameMap) -> list[str]:
    return [mapping[name] for name in names]


def _named(selection: Selection | None, covered: Selection) -> list[str]:
    """Namespaces that are named plainly, which may be gone on one side."""
    found: list[str] = []
    for one in (selection, covered):
        if one is not None:
            found += (name for name in one.namespaces if not any(character in name for character in "*?["))
            found += (text.split("/")[1] for text in one.objects if text.count("/") == 2)
    return found


def _comparison(before: Side, after: Side, options: DiffOptions) -> ObjectComparison:
    return ObjectComparison(
        before, after, options.namespaces, show_secrets=options.show_secrets, show_objects=options.show_objects
    )


def _expect(
    before: BackupSide, selection: Selection | None, scope: Selection | None, comparison: ObjectComparison
) -> None:
    """The first side's objects. Without a selection no object is read for that."""
    if selection is None:
        for held in before.everything():
            comparison.expect(held)
    elif (known := known_part(selection, before.source.api_surface())) is not None:
        before.select(known, scope, comparison.expect)


def _compare_trees(
    repository: Repository,
    backups: tuple[OpenedBackup, OpenedBackup],
    sides: tuple[BackupSide, BackupSide],
    comparison: ObjectComparison,
    cancel: Cancel,
) -> None:
    """Two whole backups of one selection: what their directories have in common is not even looked at."""
    roots = [root.node if (root := backup.contents.find(ROOT)) else None for backup in backups]
    arrived, seen = [], 0
    for found in TreeComparison(repository.reader, cancel).compare_nodes(ROOT, roots[0], roots[1]):
        if isinstance(found, DamagedData):
            comparison.problems.append(Problem.of(found))
            continue
        nodes = (found.before, found.after)
        for number, (side, node) in enumerate(zip(sides, nodes, strict=True)):
            if node is None or node.type is not NodeType.FILE:
                continue
            held = side.at(FoundNode(found.path, node))
            if held is not None and number == 0:
                comparison.expect(held)
            elif held is not None:
                arrived.append(held)  # its first side may come later, if its version is another one
                seen += 1
    comparison.unchanged += sum(entry.count for entry in backups[1].record.resources) - seen
    for held in arrived:
        comparison.arrive(held)


def _result(before: Side, after: Side, comparison: ObjectComparison, ids: tuple[str, str]) -> ObjectsDiff:
    comparison.finish()
    errors = [*before.problems, *after.problems, *comparison.problems]
    if not (comparison.differences or comparison.unchanged or errors):
        notes = "; ".join((*before.notes, *after.notes))
        raise NothingSelected("neither side holds an object of this selection", why=notes or "both are empty")
    counts = {change.value: 0 for change in ObjectChange}
    for one in comparison.differences:
        counts[one.change.value] += 1
    return ObjectsDiff(
        before=ids[0],
        after=ids[1],
        counts={**counts, "unchanged": comparison.unchanged},
        objects=comparison.differences,
        outcome=Outcome.PARTIAL if errors else Outcome.DONE,
        notes=[*before.notes, *after.notes],
        errors=errors,
    )


def _surface_of(record: BackupRecord) -> ApiSurface:
    return ApiSurface([*_resources(record.resources), *_resources(_SEARCHED)])


def _resources(entries: Iterable[ResourceRecord]) -> Iterator[Resource]:
    for entry in entries:
        name = f"{entry.plural}.{entry.group}" if entry.group else entry.plural
        yield Resource(
            group=entry.group,
            version=entry.version,
            plural=entry.plural,
            kind=entry.kind,
            namespaced=entry.namespaced,
            verbs=frozenset(("get", "list", "create", "delete")),
            singular=entry.kind.lower(),
            short_names=SHORT_NAMES.get(name, ()),
            subresources=frozenset(("status",)),
        )
