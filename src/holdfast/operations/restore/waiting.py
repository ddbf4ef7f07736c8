"""Waiting until what was restored is ready: all that is not ready yet is listed now and then, for a bounded time.

What is not ready in the end is explained: what is missing, why, and what to do. A server that is away meanwhile, as when it is
restarted, only costs time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import msgspec

from holdfast.errors import ApiRefused, ClusterUnreachable, HoldfastError
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.model.restore import ObjectResult, Result, Waited
from holdfast.model.run import Problem
from holdfast.objects.fields import Object, at
from holdfast.objects.readiness import LATE, Readiness, State, binds_late, has_readiness, readiness
from holdfast.objects.why_not_ready import Surroundings, events_of, why_not_ready
from holdfast.operations.restore.live_objects import LiveObjects, read_live
from holdfast.operations.restore.plan import PlannedObject, RestorePlan

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.25, 5.0, 1.5  # seconds
_PARALLEL_LISTS = 4
_THERE = (Result.CREATED, Result.UPDATED, Result.REPLACED, Result.UNCHANGED)
_UNAUTHORIZED = 401
_PASSING = (429, 500, 502, 503, 504)  # a server that starts, or has too much to do
_CLAIMS = "persistentvolumeclaims"
_UNSEEN = Readiness(State.WAITING, "nobody has seen it since it was restored")


def wait_until_ready(
    plan: RestorePlan, results: Sequence[ObjectResult], timeout: float, cancel: Cancel, progress: Progress
) -> tuple[Waited, list[Problem]]:
    """How long it took, and a problem for each cause why something is not ready after `timeout` seconds.

    Raises Cancelled, and ApiRefused for a credential that has expired.
    """
    there = {(one.kind, one.namespace, one.name) for one in results if one.result in _THERE}
    awaited = [
        item
        for item in plan.objects
        if has_readiness(item.key.group_resource)
        and (item.key.group_resource, item.key.namespace, item.key.name) in there
    ]
    return _Waiting(plan, awaited, cancel, progress).run(timeout)


class _Waiting:
    def __init__(self, plan: RestorePlan, awaited: Sequence[PlannedObject], cancel: Cancel, progress: Progress) -> None:
        self._plan = plan
        self._cluster = plan.target.cluster
        self._connection = self._cluster.connection
        self._cancel = cancel
        self._progress = progress
        self._total = len(awaited)
        self._pending = dict.fromkeys(sorted(awaited, key=lambda item: item.key), _UNSEEN)
        self._failed: dict[PlannedObject, Readiness] = {}
        self._live: dict[PlannedObject, Object] = {}  # what is not ready, as last seen
        self._away: HoldfastError | None = None  # why the server could not be asked, the last time
        self._shown = ""

    def run(self, timeout: float) -> tuple[Waited, list[Problem]]:
        clock = self._connection.clock
        started = clock.monotonic()
        self._progress.phase("wait until all is ready", self._total)
        self._originals = self._read_originals(item for item in self._pending if "." in item.key.group)
        self._late_classes = self._read_late_classes()
        pause = _FIRST_PAUSE
        with ThreadPoolExecutor(_PARALLEL_LISTS, thread_name_prefix="holdfast-wait") as pool:
            while True:
                self._look(pool)
                left = started + timeout - clock.monotonic()
                if not self._pending or left <= 0:
                    break
                self._show()
                self._connection.sleep(min(pause, left))
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
        missing = {**self._failed, **self._pending}
        waited = Waited(
            seconds=round(clock.monotonic() - started, 3), objects=self._total, ready=self._total - len(missing)
        )
        return waited, self._explain(missing)

    # Looking

    def _look(self, pool: ThreadPoolExecutor) -> None:
        scopes = [list(group) for _, group in groupby(self._pending, key=_scope)]
        for scope, live in zip(scopes, pool.map(self._read, scopes), strict=True):
            if live is not None:
                for item in scope:
                    self._judge(item, live)

    def _read(self, scope: Sequence[PlannedObject]) -> LiveObjects | None:
        """None if the server cannot be asked at the moment."""
        self._cancel.check()
        served = self._plan.target.served(scope[0].resource)
        if served is None:
            return None
        names = [item.key.name for item in scope]
        try:
            return read_live(self._cluster, served, scope[0].key.namespace, names)
        except (ApiRefused, ClusterUnreachable) as error:
            if isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED:
                raise
            if isinstance(error, ApiRefused) and error.status not in _PASSING:
                return LiveObjects(refused=dict.fromkeys(names, error.why or error.what))
            if self._away is None:
                self._progress.warn(f"{error}; still waiting")
            self._away = error
            return None

    def _judge(self, item: PlannedObject, live: LiveObjects) -> None:
        name, kind = item.key.name, item.key.group_resource
        if name in live.refused:
            self._settle(item, Readiness(State.FAILED, f"it cannot be read: {live.refused[name]}"))
            return
        if name not in live.found:
            self._progress.warn(f"{item.key} was deleted while it was waited for")
            self._settle(item, None)
            return
        obj: Object = msgspec.json.decode(live.found[name])
        found = readiness(kind, obj, was=self._originals.get(item))
        if kind == _CLAIMS and found.state is State.WAITING and self._binds_late(obj):
            found = Readiness(State.READY)
        if found.state is State.WAITING:
            self._pending[item] = found
            self._live[item] = obj
            return
        self._live[item] = obj
        self._settle(item, found if found.state is State.FAILED else None)

    def _settle(self, item: PlannedObject, failure: Readiness | None) -> None:
        del self._pending[item]
        if failure is not None:
            self._failed[item] = failure
        self._progress.advance()

    def _show(self) -> None:
        """Without a total: nobody knows how long the rest takes."""
        first, found = next(iter(self._pending.items()))
        text = f"wait for {first.key} ({found.text}), ready so far"
        if text != self._shown:
            self._shown = text
            self._progress.phase(text)
            self._progress.advance(self._total - len(self._pending) - len(self._failed))
        else:
            self._progress.advance(0)

    # Claims

    def _read_late_classes(self) -> frozenset[str] | None:
        """Names of storage classes that bind late; None if this account may not list them."""
        if not any(item.key.group_resource == _CLAIMS for item in self._pending):
            return frozenset()
        classes = self._list("storage.k8s.io", "storageclasses", "")
        if classes is None:
            return None
        return frozenset(
            str(at(one, "metadata").get("name")) for one in classes if one.get("volumeBindingMode") == LATE
        )

    def _binds_late(self, claim: Object) -> bool:
        """Whoever may not see storage classes is told by the claim's event."""
        if self._late_classes is not None:
            return binds_late(claim, self._late_classes)
        name = frozenset((str(at(claim, "spec").get("storageClassName")),))
        events = self._list("", "events", str(at(claim, "metadata").get("namespace"))) or []
        return binds_late(claim, name) and any(event.get("reason") == LATE for event in events_of(claim, events))

    # Explaining

    def _explain(self, missing: dict[PlannedObject, Readiness]) -> list[Problem]:
        if not missing:
            return []
        if self._away is not None and all(item not in self._live for item in self._pending):
            return [Problem("nobody knows whether what was restored is ready", str(self._away), self._away.next)]
        problems: list[Problem] = []
        originals = self._read_originals(missing)
        around: dict[str, Surroundings] = {}
        for item, found in missing.items():
            what = f"{item.key} is not ready: {found.text}"
            if item not in self._live:
                problems.append(Problem(what, found.text, "Grant the verb get on this kind."))
                continue
            namespace = item.key.namespace
            if namespace not in around:
                around[namespace] = self._surroundings(namespace)
            before = originals.get(item)
            kind = item.key.group_resource
            was_ready = before is None or readiness(kind, before).state is State.READY
            note = "" if was_ready else "; when it was backed up it was not ready either"
            problems += [
                Problem(what, cause.why + note, cause.next)
                for cause in why_not_ready(kind, self._live[item], around[namespace])
            ]
        return problems

    def _surroundings(self, namespace: str) -> Surroundings:
        """Of one namespace; the cluster's own objects have only themselves."""
        if not namespace:
            return Surroundings()
        kinds = (("apps", "replicasets"), ("", "pods"), ("", _CLAIMS), ("batch", "jobs"), ("", "events"))
        lists = [self._list(group, plural, namespace) for group, plural in kinds]
        unread = tuple(plural for (_, plural), found in zip(kinds, lists, strict=True) if found is None)
        replica_sets, pods, claims, jobs, events = (found or [] for found in lists)
        return Surroundings(replica_sets, pods, claims, jobs, events, unread)

    def _list(self, group: str, plural: str, namespace: str) -> list[Object] | None:
        """None if it cannot be listed."""
        resource: Resource | None = self._plan.target.surface.preferred(group, plural)
        if resource is None:
            return None
        found: list[Object] = []
        try:
            for page in self._cluster.list(resource, namespace=namespace or None):
                found = [*([] if page.restarted else found), *map(msgspec.json.decode, page.items)]
        except (ApiRefused, ClusterUnreachable):
            return None
        return found

    def _read_originals(self, wanted: Iterable[PlannedObject]) -> dict[PlannedObject, Object]:
        """The objects as the backup has them, no more of each than what tells whether it is ready."""
        by_path = {item.path: item for item in wanted}
        return {
            by_path[path]: {field: original[field] for field in ("metadata", "spec", "status") if field in original}
            for path, original in self._plan.source.read_objects(list(by_path))
        }


def _scope(item: PlannedObject) -> tuple[str, str, str]:
    return item.key.group_resource, item.key.namespace, item.resource.version
