"""Reading the selected objects out of a cluster or a backup, each once, and handing them to a sink.

Order: what the selection means here, then all lists side by side, then single objects, then workloads with what they live
on, then the Namespace objects of whatever was taken, and last the cluster-scoped companions, since only now it is known who
needs what. A kind that cannot be
listed is named as a problem and the rest goes on; a cluster that cannot be reached ends the run.

Lists wait for the source side by side, but their pages are worked on one at a time: for small objects that work is Python's,
and threads that do it together take longer than one after the other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from holdfast.errors import ApiRefused, DamagedData, NotFound
from holdfast.model.backup import Unread
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.model.selection import Selection
from holdfast.objects import selection as selecting
from holdfast.objects.companions import BY_SEARCH, CompanionCollector
from holdfast.objects.exclusions import excluded_kind, is_remade_pod
from holdfast.objects.metadata import Glimpse, glimpse, key_of
from holdfast.objects.relations.searches import is_shared_account
from holdfast.operations.source import Source
from holdfast.operations.workload_capture import WorkloadCapture

_PARALLEL_LISTS = 4
_MOST_NAMESPACES_LISTED_ONE_BY_ONE = 8
"""Beyond this, one list over all namespaces costs less than one list for each, even if most of it is dropped."""

_UNAUTHORIZED = 401
_ALL_VERBS = frozenset(("get", "list", "create", "delete"))

Token = TypeVar("Token")


class Taken(NamedTuple):
    """An object that belongs to the backup."""

    resource: Resource
    seen: Glimpse
    data: bytes  # as the API server sent it
    reason: str


class Sink(Protocol[Token]):
    """Where objects go. Called by one thread at a time, in several of them."""

    def keep(self, taken: Taken) -> Token:
        """Takes the object in. What it returns comes back in `commit`, or never if the list had to start again."""
        ...

    def commit(self, resource: Resource, tokens: list[Token]) -> None:
        """The objects of these tokens are in for good."""
        ...


@dataclass(slots=True)
class Captured:
    """What a capture came across besides the objects themselves."""

    selection: Selection  # in normal form
    namespaces: set[str] = field(default_factory=set)  # that hold something of the backup
    counts: Counter[Resource] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)  # reason → objects
    claims: list[ObjectKey] = field(default_factory=list)  # PersistentVolumeClaims, whose data is a matter of its own
    pods: list[ObjectKey] = field(default_factory=list)  # of the selection, those too that their controllers remake
    listed: set[str] = field(default_factory=set)  # kinds, `deployments.apps`
    unread: list[Unread] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def objects(self) -> int:
        return self.counts.total()


@dataclass(slots=True)
class _Listed(Generic[Token]):
    """What one list brought, until it is known not to begin anew."""

    tokens: list[Token] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    excluded: Counter[str] = field(default_factory=Counter)
    claims: list[ObjectKey] = field(default_factory=list)
    pods: list[ObjectKey] = field(default_factory=list)


class Capture(Generic[Token]):
    """One pass over a source. Use once."""

    def __init__(
        self,
        source: Source,
        selection: Selection,
        sink: Sink[Token],
        cancel: Cancel,
        progress: Progress,
        *,
        companions: bool = True,
    ) -> None:
        """`companions`: cluster-scoped objects that the selected ones need come along, if the selection says so."""
        self._source = source
        self._sink = sink
        self._cancel = cancel
        self._progress = progress
        self._surface = source.api_surface()
        self._companions = CompanionCollector()
        self._with_companions = companions
        self._taken: set[ObjectKey] | None = None  # None where nothing can come twice
        self._working = threading.Lock()  # held wherever lists touch the sink, the companions or the result
        self._applied: selecting.AppliedSelection | None = None  # until the namespaces are known
        self._result = Captured(selecting.normalise(selection, self._surface.find))

    def run(self) -> Captured:
        """Raises what the selection's rules raise, ClusterUnreachable, Cancelled."""
        selection = self._result.selection
        self._progress.phase("read the cluster's kinds")
        self._name_unavailable_groups(selection)
        namespaces = {seen.name: (seen, data) for seen, data in self._list_namespaces(selection)}
        applied = selecting.apply(
            selection, self._surface.resources, (seen for seen, _ in namespaces.values()), self._surface.find
        )
        self._applied = applied
        if applied.single or applied.workloads:
            self._taken = set()
        self._progress.phase("read objects")
        with ThreadPoolExecutor(_PARALLEL_LISTS, thread_name_prefix="holdfast-list") as pool:
            tasks = [pool.submit(self._list, applied, resource, namespace) for resource, namespace in _scopes(applied)]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        for entry in applied.single:
            self._fetch_single(applied, entry)
        if applied.workloads:
            self._progress.phase("follow the workloads")
            self._take_workloads(applied)
        for seen, data in namespaces.values():
            verdict = applied.decide_namespace(seen, holds_objects=seen.name in self._result.namespaces)
            self._settle(self._namespace_resource(), seen, data, verdict)
        if self._with_companions and applied.follows_companions:
            self._progress.phase("find cluster-scoped companions")
            self._fetch_companions(applied)
        return self._result

    # Namespaces

    def _namespace_resource(self) -> Resource:
        return self._surface.find(selecting.NAMESPACES)

    def _list_namespaces(self, selection: Selection) -> Iterator[tuple[Glimpse, bytes]]:
        """All namespaces, or for callers who may not list them the ones that are named."""
        resource = self._namespace_resource()
        try:
            for page in self._source.list(resource):
                for data in page.items:
                    yield glimpse(data), data
        except ApiRefused as error:
            named = {text.split("/")[1] for text in (*selection.objects, *selection.workloads) if text.count("/") == 2}
            names = sorted({*selection.namespaces, *named})
            needs_list = selection.all_namespaces or selection.namespace_selector or any(map(selecting.is_glob, names))
            if error.reason != "Forbidden" or needs_list:
                raise
        else:
            return
        for name in names:
            found = self._source.get(resource, "", name)
            if found is None:
                raise NotFound(
                    f"the namespace {name!r} does not exist",
                    why="the selection names it, and nothing by this name is there",
                    next="Check the name; this account may not list namespaces.",
                )
            yield glimpse(found), found

    # Lists

    def _list(self, applied: selecting.AppliedSelection, resource: Resource, namespace: str | None) -> None:
        """One list into the sink; what cannot be listed becomes a problem."""
        listed: _Listed[Token] = _Listed()
        try:
            for page in self._source.list(resource, namespace=namespace, label_selector=applied.selection.selector):
                if page.restarted:
                    listed = _Listed()
                with self._working:
                    for data in page.items:
                        seen = glimpse(data)
                        self._take(listed, resource, seen, data, applied.decide(resource, seen))
                self._progress.advance(len(page.items), sum(map(len, page.items)))
        except ApiRefused as error:
            if error.reason == "Forbidden" and namespace is None and resource.namespaced:
                for name in applied.namespaces.names:  # whoever may not list all namespaces may list some
                    self._list(applied, resource, name)
                return
            self._name_problem(resource, namespace, error)
            return
        with self._working:
            self._commit(resource, listed)
            self._result.listed.add(resource.group_resource)

    def _take(
        self,
        listed: _Listed[Token],
        resource: Resource,
        seen: Glimpse,
        data: bytes,
        verdict: selecting.Verdict,
        *,
        feeds: bool = True,
    ) -> None:
        """`feeds`: whether the object brings the companions it needs."""
        if resource.group_resource == "pods" and (verdict.included or self._is_remade_of_it(resource, seen)):
            listed.pods.append(key_of(resource, seen))
        if not verdict.included:
            listed.excluded[verdict.reason] += 1
            return
        if self._taken is not None:
            self._taken.add(key_of(resource, seen))
        if feeds:
            self._companions.feed(resource, seen, data)
        listed.tokens.append(self._sink.keep(Taken(resource, seen, data, verdict.reason)))
        if seen.namespace:
            listed.namespaces.add(seen.namespace)
        if resource.group_resource == "persistentvolumeclaims":
            listed.claims.append(key_of(resource, seen))

    def _is_remade_of_it(self, resource: Resource, seen: Glimpse) -> bool:
        """Whether a pod is of the selection and left out only because its controller makes it again."""
        return self._applied is not None and is_remade_pod(seen) and self._applied.leads_on(resource, seen)

    def _commit(self, resource: Resource, listed: _Listed[Token]) -> None:
        self._result.excluded.update(listed.excluded)
        self._result.pods += listed.pods
        if listed.tokens:
            self._sink.commit(resource, listed.tokens)
            self._result.counts[resource] += len(listed.tokens)
            self._result.namespaces |= listed.namespaces
            self._result.claims += listed.claims

    def _settle(
        self, resource: Resource, seen: Glimpse, data: bytes, verdict: selecting.Verdict, *, feeds: bool = True
    ) -> None:
        """One object that came outside a list."""
        listed: _Listed[Token] = _Listed()
        self._take(listed, resource, seen, data, verdict, feeds=feeds)
        self._commit(resource, listed)
        self._progress.advance(len(listed.tokens), len(data) if listed.tokens else 0)

    def _fetch_single(self, applied: selecting.AppliedSelection, entry: selecting.NamedObject) -> None:
        try:
            found = self._source.get(entry.resource, entry.key.namespace, entry.key.name)
        except DamagedData as error:
            self._result.problems.append(Problem.of(error))
            return
        if found is None:
            raise NotFound(
                f"{entry.key} does not exist",
                why="the selection names it, and nothing by this name is there",
                next="Check the kind, the namespace and the name.",
            )
        seen = glimpse(found)
        self._settle(entry.resource, seen, found, applied.decide(entry.resource, seen))

    # Workloads

    def _take_workloads(self, applied: selecting.AppliedSelection) -> None:
        found = WorkloadCapture(self._source, applied, self._name_refusal, self._cancel, self._progress).find()
        for resource, seen, data, reason in found:
            if not self._is_taken(key_of(resource, seen)):
                verdict = applied.decide_companion(resource, seen, reason)
                self._settle(resource, seen, data, verdict, feeds=not is_shared_account(resource, seen))

    def _name_refusal(self, what: Resource | str, namespace: str, error: ApiRefused | DamagedData) -> None:
        if isinstance(what, Resource) and isinstance(error, ApiRefused):
            self._name_problem(what, namespace, error)
        elif isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED:
            raise error
        else:
            self._result.problems.append(Problem.of(error, str(what)))

    def _is_taken(self, key: ObjectKey) -> bool:
        return self._taken is not None and key in self._taken

    # Companions

    def _fetch_companions(self, applied: selecting.AppliedSelection) -> None:
        """Until nothing new is needed: a companion may need others (a binding its role)."""
        for rule in BY_SEARCH:
            self._search(self._surface.find(rule.kind))
        done: set[ObjectKey] = set()
        while missing := [(key, why) for key, why in self._companions.needed().items() if key not in done]:
            for key, reason in missing:
                done.add(key)
                self._cancel.check()
                resource = self._surface.preferred(key.group, key.plural)
                if (
                    resource is None
                    or excluded_kind(resource)
                    or resource in self._listed(applied)
                    or self._is_taken(key)
                ):
                    continue
                try:
                    found = self._source.get(resource, "", key.name)
                except (ApiRefused, DamagedData) as error:
                    if isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED:
                        raise
                    self._result.problems.append(Problem.of(error, f"{key} ({reason})"))
                    continue
                if found is not None:
                    seen = glimpse(found)
                    self._settle(resource, seen, found, applied.decide_companion(resource, seen, reason))

    def _search(self, resource: Resource) -> None:
        try:
            for page in self._source.list(resource):
                for data in page.items:
                    self._companions.search(resource, glimpse(data), data)
        except ApiRefused as error:
            self._name_problem(resource, None, error)

    @staticmethod
    def _listed(applied: selecting.AppliedSelection) -> tuple[Resource, ...]:
        return applied.kinds.cluster_scoped

    # Problems

    def _name_unavailable_groups(self, selection: Selection) -> None:
        """Kinds of a group whose server is down are unknown, so nobody can tell what is missing: say so."""
        if selection.include_kinds or not (selection.has_namespaces or selection.workloads):
            return
        for name in self._surface.unavailable:
            if excluded_kind(Resource(name.partition("/")[0], "", "", "", namespaced=True, verbs=_ALL_VERBS)) is None:
                self._result.problems.append(
                    Problem(
                        f"the API group {name} could not be read",
                        "the API service behind it does not answer, so its kinds and objects are unknown",
                        "Repair or remove its APIService, or name the kinds you need with --include-kind.",
                    )
                )

    def _name_problem(self, resource: Resource, namespace: str | None, error: ApiRefused) -> None:
        """Raises the error if it is the credential's: nothing else can be read with it either."""
        if error.status == _UNAUTHORIZED:
            raise error
        where = f" in namespace {namespace}" if namespace else ""
        forbidden = error.reason == "Forbidden"
        leave_out = "--exclude-kind" if resource.namespaced else "--cluster-objects none"
        next_step = f"Grant the verb list on this kind, or leave it out with {leave_out}."
        problem = Problem(
            f"{resource.group_resource}{where} could not be listed",
            error.why or error.what,
            next_step if forbidden else error.next,
        )
        with self._working:
            if problem not in self._result.problems:  # whole namespaces and workloads may meet the same refusal
                self._result.problems.append(problem)
            self._result.unread.append(Unread(kind=resource.group_resource, namespace=namespace or ""))


def _scopes(applied: selecting.AppliedSelection) -> Iterator[tuple[Resource, str | None]]:
    """What to list where; None is the whole cluster."""
    one_by_one = not applied.selection.takes_everything and (
        len(applied.namespaces.names) <= _MOST_NAMESPACES_LISTED_ONE_BY_ONE
    )
    for resource in applied.kinds.namespaced:
        if one_by_one:
            yield from ((resource, name) for name in applied.namespaces.names)
        else:
            yield resource, None
    yield from ((resource, None) for resource in applied.kinds.cluster_scoped)
