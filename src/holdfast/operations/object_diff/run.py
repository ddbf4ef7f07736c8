"""`backup diff`: which objects were added, changed and removed between a backup and another one, or the live cluster.

Both sides are asked with the selection that both cover: what one of the backups did not take is no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

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
from holdfast.operations.object_diff.recorded import known_part, mapped, recorded, within
from holdfast.operations.object_diff.sides import Held, LiveSide, Side
from holdfast.operations.restore.opening import OpenedBackup
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
    covered, mapping = recorded(backup.record), options.namespaces
    names = _named(options.selection, covered)
    before = BackupSide(repository, backup, cluster.api_surface(), names, cancel, progress)
    kinds = _surface_of(backup.record).resources
    after = LiveSide(cluster, kinds, [mapping[name] for name in names], cancel, progress)
    comparison = _comparison(before, after, options)
    after.is_known = comparison.is_same
    _expect(before, options.selection, None, comparison.expect)
    chosen = options.selection and mapped(options.selection, mapping)
    _select(after, chosen, mapped(covered, mapping), comparison.arrive)
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
    covered, mapping = (recorded(first.record), recorded(second.record)), options.namespaces
    is_alike = covered[0] == covered[1]
    names = [*_named(options.selection, covered[0]), *_named(None, covered[1])]
    kinds = _surface_of(first.record, second.record)
    before = BackupSide(repository, first, kinds, names, cancel, progress)
    after = BackupSide(repository, second, kinds, [mapping[name] for name in names], cancel, progress)
    comparison = _comparison(before, after, options)
    if options.selection is None and is_alike and not mapping:
        _compare_trees(repository, (first, second), (before, after), comparison, cancel)
    else:
        _expect(before, options.selection, None if is_alike or mapping else covered[1], comparison.expect)
        chosen = options.selection and mapped(options.selection, mapping)
        _select(after, chosen, mapped(covered[0], mapping) if mapping or not is_alike else None, comparison.arrive)
    return _result(before, after, comparison, (first.entry.id.hex(), second.entry.id.hex()))


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
    before: BackupSide, chosen: Selection | None, covered: Selection | None, take: Callable[[Held], None]
) -> None:
    """The first side's objects. If all of them are meant, none has to be read for that."""
    if chosen is not None or covered is not None:
        _select(before, chosen, covered, take)
        return
    for held in before.everything():
        take(held)


def _select(side: Side, chosen: Selection | None, covered: Selection | None, take: Callable[[Held], None]) -> None:
    """What a user has chosen (None: all) of what the other side covers (None: all of this side)."""
    known = covered and known_part(covered, side.source.api_surface())
    if chosen is not None and known is not None:
        side.select(within(chosen, known), known, take)
    elif chosen is not None and covered is None:
        side.select(chosen, None, take)
    elif known is not None:
        side.select(known, None, take)


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


def _surface_of(*records: BackupRecord) -> ApiSurface:
    return ApiSurface(_resources(chain(*(record.resources for record in records), _SEARCHED)))


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
