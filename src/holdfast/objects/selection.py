"""What a Selection means in one cluster: which kinds to list, and for each object whether it is taken and why.

Pure: the caller brings the cluster's kinds, its Namespace objects and a function that knows the names of kinds. Order of
use: `apply`, list `kinds` and get `single`, ask `decide` for each object while remembering the namespaces of those taken,
then `decide_namespace`, and `decide_companion` for what `holdfast.objects.relations` and `.companions` found.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from holdfast.errors import NotFound, NothingSelected, UsageError
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.exclusions import Exclusion, excluded_kind, excluded_object
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.metadata import Glimpse

NAMESPACES = "namespaces"

KindResolver = Callable[[str], Resource]
"""`deploy`, `deployments.apps` or `Deployment` → the kind; raises a HoldfastError for what it does not know."""


class Verdict(NamedTuple):
    included: bool
    reason: str  # as `--dry-run` prints it


_NAMED = Verdict(True, "named in the selection")
_SELECTED = Verdict(True, "is selected")
_HOLDS_NOTHING = Verdict(False, "holds no selected objects")


class ResolvedNamespaces(NamedTuple):
    names: tuple[str, ...]  # sorted
    left_out: Mapping[str, str]  # selected, but not taken → why


@dataclass(frozen=True, slots=True)
class KindsToList:
    """Namespace objects are in neither list: their list is what the selection was resolved with."""

    namespaced: tuple[Resource, ...]
    cluster_scoped: tuple[Resource, ...]
    left_out: Mapping[str, Exclusion]  # group_resource → the row that keeps the kind out
    include: frozenset[str] = frozenset()  # group_resources that the user typed; empty means all
    exclude: frozenset[str] = frozenset()

    @property
    def takes_namespaces(self) -> bool:
        """Whether Namespace objects are wanted for themselves, not only for what they hold."""
        return not self.include or NAMESPACES in self.include


class NamedObject(NamedTuple):
    resource: Resource
    key: ObjectKey


def normalise(selection: Selection, resolve_kind: KindResolver) -> Selection:
    """The same selection in one spelling: `deploy` becomes `deployments.apps`, `a==b` becomes `a=b`, all sorted.

    Raises UsageError for bad selectors and objects, and what `resolve_kind` raises.
    """
    return replace(
        selection,
        namespaces=_ordered(selection.namespaces),
        exclude_namespaces=_ordered(selection.exclude_namespaces),
        namespace_selector=str(LabelSelector.parse(selection.namespace_selector)),
        selector=str(LabelSelector.parse(selection.selector)),
        exclude_selector=str(LabelSelector.parse(selection.exclude_selector)),
        include_kinds=_ordered(resolve_kind(kind).group_resource for kind in selection.include_kinds),
        exclude_kinds=_ordered(resolve_kind(kind).group_resource for kind in selection.exclude_kinds),
        objects=_ordered(str(parse_object(text, resolve_kind).key) for text in selection.objects),
        workloads=_ordered(str(parse_workload(text, resolve_kind).key) for text in selection.workloads),
    )


def parse_object(text: str, resolve_kind: KindResolver) -> NamedObject:
    """`deploy/shop/web` or `clusterrole/viewer` → one object. Raises UsageError for another number of parts."""
    kind, *rest = text.split("/")
    if not kind or not rest or len(rest) > 2 or not all(rest):
        raise UsageError(f"{text!r} does not name an object", why="write kind/namespace/name or kind/name")
    resource = resolve_kind(kind)
    if resource.namespaced != (len(rest) == 2):
        form, scope = ("kind/namespace/name", "a") if resource.namespaced else ("kind/name", "no")
        raise UsageError(
            f"{text!r} does not name an object", why=f"{resource.kind} has {scope} namespace: write {form}"
        )
    namespace, name = rest if resource.namespaced else ("", rest[0])
    return NamedObject(resource, ObjectKey(resource.group, resource.plural, namespace, name))


def parse_workload(text: str, resolve_kind: KindResolver) -> NamedObject:
    """`deploy/shop/web` → the workload. Raises UsageError for another number of parts, or a kind without namespaces."""
    kind, *rest = text.split("/")
    if len(rest) != 2 or not all((kind, *rest)):
        raise UsageError(
            f"{text!r} does not name a workload",
            why="a workload is written kind/namespace/name",
            next="Write it as deployment/shop/web, with its namespace; -n would take that namespace with all it holds.",
        )
    resource = resolve_kind(kind)
    if not resource.namespaced:
        raise UsageError(
            f"{text!r} does not name a workload",
            why=f"{resource.kind} has no namespace",
            next="Name it with --object kind/name.",
        )
    return NamedObject(resource, ObjectKey(resource.group, resource.plural, *rest))


def resolve_namespaces(selection: Selection, namespaces: Iterable[Glimpse]) -> ResolvedNamespaces:
    """The cluster's namespaces that the selection means.

    A label selector narrows the names and globs; excludes come last. Namespaces that are being deleted or carry the
    opt-out label are left out with all they hold. Raises NotFound for a plain name that the cluster does not have
    (a glob may match nothing), NothingSelected if nothing remains.
    """
    existing = {seen.name: seen for seen in namespaces}
    for name in (name for name in selection.namespaces if not is_glob(name) and name not in existing):
        raise _no_such_namespace(name, existing)
    labelled = LabelSelector.parse(selection.namespace_selector)
    wanted = sorted(
        name
        for name, seen in existing.items()
        if selection.has_namespaces
        and (not selection.namespaces or _matches_any(name, selection.namespaces))
        and labelled.matches(seen.labels)
        and not _matches_any(name, selection.exclude_namespaces)
    )
    reasons = {name: reason for name in wanted if (reason := _reason_to_leave_out(existing[name]))}
    names = tuple(name for name in wanted if name not in reasons)
    # A backup of cluster-scoped objects has no namespaces at all, and all of them are then none.
    if selection.has_namespaces and not names and not (selection.all_namespaces and not existing):
        why = "; ".join(f"namespace {name}: {reason}" for name, reason in reasons.items())
        raise NothingSelected("no namespace is selected", why=why or f"none matches {selection.describe()}")
    return ResolvedNamespaces(names, reasons)


def kinds_to_list(selection: Selection, resources: Iterable[Resource], resolve_kind: KindResolver) -> KindsToList:
    """Which kinds to list, each once (in the version that comes first), and which the exclusions keep out.

    Cluster-scoped kinds are listed with `--cluster-objects all`; with `auto` only those that were included by name, or
    all of them when everything in all namespaces is taken. Raises UsageError if a cluster-scoped kind is included
    and refused at once, NothingSelected if kinds were included and none of them can be backed up.
    """
    include = {kind.group_resource: kind for kind in map(resolve_kind, selection.include_kinds)}
    exclude = {resolve_kind(kind).group_resource for kind in selection.exclude_kinds}
    if selection.cluster_objects is ClusterObjects.NONE:
        for name in (name for name, kind in include.items() if not kind.namespaced and name != NAMESPACES):
            raise UsageError(f"the kind {name} is included and refused", why="--cluster-objects is none")
    kinds = {kind.group_resource: kind for kind in reversed(tuple(resources)) if kind.group_resource != NAMESPACES}
    namespaced: list[Resource] = []
    cluster_scoped: list[Resource] = []
    left_out: dict[str, Exclusion] = {}
    for name, kind in sorted(kinds.items()):
        if (include and name not in include) or name in exclude:
            continue
        if not _is_listed(selection, kind, included=name in include):
            continue
        if row := excluded_kind(kind):
            left_out[name] = row
        else:
            (namespaced if kind.namespaced else cluster_scoped).append(kind)
    if include and left_out.keys() >= include.keys():
        why = "; ".join(f"{name}: {row.reason}" for name, row in left_out.items())
        raise NothingSelected("none of the included kinds can be backed up", why=why)
    return KindsToList(tuple(namespaced), tuple(cluster_scoped), left_out, frozenset(include), frozenset(exclude))


def apply(
    selection: Selection, resources: Iterable[Resource], namespaces: Iterable[Glimpse], resolve_kind: KindResolver
) -> AppliedSelection:
    """Works out what `selection` means in a cluster that serves `resources` and has `namespaces`.

    Raises what `resolve_namespaces`, `kinds_to_list` and `parse_object` raise; UsageError if nothing at all is asked
    for; NotFound for a single object in a namespace that does not exist.
    """
    existing = {seen.name: seen for seen in namespaces}
    resolved = resolve_namespaces(selection, existing.values())
    left_out = dict(resolved.left_out)
    named = [parse_object(text, resolve_kind) for text in selection.objects]
    workloads = [parse_workload(text, resolve_kind) for text in selection.workloads]
    for _, key in (*named, *workloads):
        if key.namespace and key.namespace not in existing:
            raise _no_such_namespace(key.namespace, existing)
        if key.namespace and (reason := _reason_to_leave_out(existing[key.namespace])):
            left_out[key.namespace] = reason
    kinds = kinds_to_list(selection, resources, resolve_kind)
    if not (selection.has_namespaces or named or workloads or kinds.cluster_scoped):
        raise UsageError(
            "nothing is asked for",
            why="no namespace, workload, object or cluster-scoped kind is named",
            next="Name namespaces with -n, or take all with -A.",
        )
    return AppliedSelection(
        selection,
        ResolvedNamespaces(resolved.names, left_out),
        kinds,
        named,
        workloads,
    )


class AppliedSelection:
    """A Selection together with what one cluster has. Made by `apply`."""

    def __init__(
        self,
        selection: Selection,
        namespaces: ResolvedNamespaces,
        kinds: KindsToList,
        named: Iterable[NamedObject],
        workloads: Iterable[NamedObject],
    ) -> None:
        self.selection = selection
        self.namespaces = namespaces
        self.kinds = kinds
        self.workloads = tuple(each for each in workloads if each.key.namespace not in namespaces.left_out)
        self._named = {key for _, key in (*named, *self.workloads)}
        self._namespaced = {kind.group_resource for kind in kinds.namespaced}
        self._cluster_scoped = {kind.group_resource for kind in kinds.cluster_scoped}
        self._selector = LabelSelector.parse(selection.selector)
        self._exclude_selector = LabelSelector.parse(selection.exclude_selector)
        # Verdicts are made once and shared: most objects of a backup get the same few.
        self._matched = Verdict(True, f"labels match {self._selector}")
        self._unmatched = Verdict(False, f"labels do not match {self._selector}")
        self._refused = Verdict(False, f"excluded: labels match {self._exclude_selector}")
        self._in_namespace = {name: Verdict(True, f"in namespace {name}") for name in namespaces.names}
        self._in_cluster = Verdict(
            True, "its kind is included" if selection.include_kinds else "all cluster-scoped objects are taken"
        )
        self.single = tuple(dict.fromkeys(entry for entry in named if self._must_be_fetched(entry)))

    workloads: tuple[NamedObject, ...]
    """Each is taken with what it lives on: see `holdfast.objects.relations`."""

    single: tuple[NamedObject, ...]
    """Objects named one by one that no list will bring, to be fetched each."""

    @property
    def follows_companions(self) -> bool:
        """Whether cluster-scoped objects that others need are to be searched for."""
        return self.selection.cluster_objects is ClusterObjects.AUTO and not self.selection.takes_everything

    def decide(self, resource: Resource, seen: Glimpse) -> Verdict:
        """Whether an object of a listed kind, or one of `single`, is taken. For Namespaces use `decide_namespace`."""
        is_named = self._is_named(resource, seen)
        if reason := self._out_of_scope(resource, seen.namespace, is_named=is_named):
            return Verdict(False, reason)
        if row := excluded_object(resource, seen):
            return Verdict(False, f"excluded: {row.reason}")
        if is_named:
            return _NAMED
        if self.selection.exclude_selector and self._exclude_selector.matches(seen.labels):
            return self._refused
        return self._judge_labels(seen, self._in_namespace[seen.namespace] if resource.namespaced else self._in_cluster)

    def decide_namespace(self, seen: Glimpse, *, holds_objects: bool) -> Verdict:
        """Whether a Namespace object is taken; `holds_objects` says that something in it is.

        Namespaces follow what they hold: `exclude_selector` does not look at them.
        """
        if reason := self.namespaces.left_out.get(seen.name) or _reason_to_leave_out(seen):
            return Verdict(False, f"excluded: {reason}")
        if ("", NAMESPACES, "", seen.name) in self._named:
            return _NAMED
        if NAMESPACES in self.kinds.exclude:
            return Verdict(False, f"the kind {NAMESPACES} is not selected")
        if holds_objects:
            return Verdict(True, "holds selected objects")
        if seen.name not in self._in_namespace:
            return Verdict(False, f"namespace {seen.name} is not selected")
        return self._judge_labels(seen, _SELECTED if self.kinds.takes_namespaces else _HOLDS_NOTHING)

    def leads_on(self, resource: Resource, seen: Glimpse) -> bool:
        """Whether an object may lead from a workload to others.

        What controllers remake leads on, though it is not taken itself. What the selection or a label keeps out, and what is
        being deleted, does not.
        """
        if (row := excluded_object(resource, seen)) and row.is_about_every_kind:
            return False
        if self._is_named(resource, seen):
            return True
        if resource.group_resource in self.kinds.exclude:
            return False
        return not (self.selection.exclude_selector and self._exclude_selector.matches(seen.labels))

    def decide_companion(self, resource: Resource, seen: Glimpse, reason: str) -> Verdict:
        """Whether an object that others need, for `reason`, comes along. Labels and kinds to include do not narrow these."""
        if self._is_named(resource, seen):
            return self.decide(resource, seen)
        if resource.group_resource in self.kinds.exclude:
            return Verdict(False, f"the kind {resource.group_resource} is excluded")
        if row := excluded_kind(resource) or excluded_object(resource, seen):
            return Verdict(False, f"excluded: {row.reason}")
        if self.selection.exclude_selector and self._exclude_selector.matches(seen.labels):
            return self._refused
        return Verdict(True, reason)

    def _is_named(self, resource: Resource, seen: Glimpse) -> bool:
        return bool(self._named) and (resource.group, resource.plural, seen.namespace, seen.name) in self._named

    def _out_of_scope(self, resource: Resource, namespace: str, *, is_named: bool) -> str:
        """Why kind or namespace keep an object out; "" if they do not."""
        if namespace in self.namespaces.left_out:
            return f"excluded with its namespace: {self.namespaces.left_out[namespace]}"
        if is_named:
            return ""
        kind = resource.group_resource
        if kind not in (self._namespaced if resource.namespaced else self._cluster_scoped):
            return f"the kind {kind} is not selected"
        if resource.namespaced and namespace not in self._in_namespace:
            return f"namespace {namespace} is not selected"
        return ""

    def _judge_labels(self, seen: Glimpse, without_selector: Verdict) -> Verdict:
        if not self.selection.selector:
            return without_selector
        return self._matched if self._selector.matches(seen.labels) else self._unmatched

    def _must_be_fetched(self, entry: NamedObject) -> bool:
        resource, key = entry
        if resource.group_resource == NAMESPACES or key.namespace in self.namespaces.left_out:
            return False
        if resource.namespaced:
            return not (resource.group_resource in self._namespaced and key.namespace in self._in_namespace)
        return resource.group_resource not in self._cluster_scoped


def _is_listed(selection: Selection, kind: Resource, *, included: bool) -> bool:
    if kind.namespaced:
        return selection.has_namespaces
    match selection.cluster_objects:
        case ClusterObjects.ALL:
            return True
        case ClusterObjects.AUTO:
            return included or selection.takes_everything
        case ClusterObjects.NONE:
            return False


_NAMESPACE_RESOURCE = Resource("", "v1", NAMESPACES, "Namespace", namespaced=False)


def _reason_to_leave_out(namespace: Glimpse) -> str:
    """Why the namespace with all it holds is not backed up; "" if it is."""
    row = excluded_object(_NAMESPACE_RESOURCE, namespace)
    return row.reason if row else ""


def _no_such_namespace(name: str, existing: Iterable[str]) -> NotFound:
    near = difflib.get_close_matches(name, list(existing))
    return NotFound(
        f"the namespace {name!r} does not exist",
        why=f"similar names are {', '.join(near)}" if near else "no namespace has a similar name either",
        next="List namespaces with `kubectl get namespaces`; a glob such as 'shop-*' may match none.",
    )


def is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
