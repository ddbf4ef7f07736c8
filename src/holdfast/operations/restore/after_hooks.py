"""Dumps and hooks after a restore: only in pods of workloads that this restore has made, never in those that were there before.

A workload's pods come a moment after it, so they are waited for where something is to be done in them. First dumps go back into
their databases, then hooks run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.listing import whole
from holdfast.model.hooks import DumpMode, HookOutcome, HookRecord, HookSet, When
from holdfast.model.progress import Progress
from holdfast.model.restore import ObjectResult, Result
from holdfast.model.run import Problem
from holdfast.objects.fields import Object, at, name_of
from holdfast.objects.hooks.select import select_hooks, workload_of
from holdfast.operations.hooks.after_restore import run_after_restore
from holdfast.operations.hooks.loading import load_dumps
from holdfast.operations.movers.kinds import PODS
from holdfast.operations.restore.plan import PlannedObject, RestorePlan
from holdfast.repository.contents import SnapshotContents

_PATIENCE = 60.0  # seconds until a new workload has its pods
_POLL = 1.0
_MADE = (Result.CREATED, Result.REPLACED)
_WORKLOADS = {
    "daemonsets.apps": "daemonset",
    "deployments.apps": "deployment",
    "pods": "pod",
    "replicasets.apps": "replicaset",
    "replicationcontrollers": "replicationcontroller",
    "statefulsets.apps": "statefulset",
}
"""Kinds whose pods stay, and how their pods name them."""


_Workload = tuple[str, str]
"""Namespace, and what its pods say of it: `deployment/web`."""


class AfterHooks:
    """Of one restore. `contents` is the backup, `saved` its record's hooks."""

    def __init__(self, contents: SnapshotContents, saved: Sequence[HookRecord], given: HookSet) -> None:
        self._contents = contents
        self._saved = saved
        self._given = given

    def run(self, plan: RestorePlan, results: Iterable[ObjectResult], progress: Progress) -> list[HookRecord]:
        """What became of each dump and hook. Raises Cancelled, ClusterUnreachable, and ApiRefused if pods cannot be listed."""
        if not self._given.enabled:
            return []
        there = {
            (one.kind, one.namespace, one.name) for one in results if one.result in _MADE and one.kind in _WORKLOADS
        }
        made = self._pods_to_be(plan, there)
        namespaces = plan.options.mapping.namespaces
        dumps = [one for one in self._saved if self._goes_into(one, namespaces[one.namespace], made)]
        awaited = self._with_hooks(made) | {
            workload for one in dumps if (workload := (namespaces[one.namespace], _of_dump(one))) in made
        }
        if not awaited:
            return []
        cluster = plan.target.cluster
        progress.phase("hooks after the restore")
        pods = _await_pods(cluster, awaited, made.keys())
        loaded = load_dumps(cluster, self._contents, dumps, pods, self._given, namespaces.names, progress=progress)
        return [*loaded, *run_after_restore(cluster, pods, self._given, progress)]

    def _pods_to_be(self, plan: RestorePlan, there: set[tuple[str, str, str]]) -> dict[_Workload, Object]:
        """Each new workload that will have pods by itself, with one as it makes them."""
        by_path = {item.path: item for item in plan.objects if _named(item) in there and not item.owners}
        found = {}
        for path, original in plan.source.read_objects(list(by_path)):
            item = by_path[path]
            desired = plan.preparation.prepare(item.resource, original).object or original
            template = desired if item.key.group_resource == "pods" else at(desired, "spec", "template")
            if at(desired, "spec").get("replicas") != 0:
                metadata = {**at(template, "metadata"), "name": item.key.name, "namespace": item.key.namespace}
                workload = item.key.namespace, f"{_WORKLOADS[item.key.group_resource]}/{item.key.name}"
                found[workload] = {**template, "metadata": metadata}
        return found

    def _goes_into(self, dump: HookRecord, namespace: str, made: Mapping[_Workload, Object]) -> bool:
        """A dump of a namespace where this restore has made something."""
        if dump.when is not When.DUMP or dump.outcome is not HookOutcome.DONE or self._given.dumps is DumpMode.NONE:
            return False
        return any(namespace == place for place, _ in made)

    def _with_hooks(self, made: Mapping[_Workload, Object]) -> set[_Workload]:
        """Hooks that were given may name any pod, which nobody knows yet."""
        if any(hook.when is When.AFTER_RESTORE or hook.load for hook in self._given.hooks):
            return set(made)
        return {
            workload
            for workload, pod in made.items()
            if any(hooks.after_restore or hooks.loads for hooks in select_hooks([pod], self._given))
        }


def _await_pods(cluster: Cluster, awaited: Collection[_Workload], made: Collection[_Workload]) -> list[Object]:
    """The pods of all workloads that were made, when each that is awaited has one, or when time is up."""
    clock = cluster.connection.clock
    end = clock.monotonic() + _PATIENCE
    while True:
        listed = _listed(cluster, {namespace for namespace, _ in made})
        found = [(pod, owner) for pod in listed if (owner := _owner(pod)) in made]
        if set(awaited) <= {owner for _, owner in found} or clock.monotonic() >= end:
            return [pod for pod, _ in found]
        cluster.connection.sleep(_POLL)


def _listed(cluster: Cluster, namespaces: Iterable[str]) -> list[Object]:
    return [
        msgspec.json.decode(data)
        for namespace in sorted(namespaces)
        for data in whole(cluster.list(PODS, namespace=namespace)).items
    ]


def _of_dump(dump: HookRecord) -> str:
    return dump.workload or f"pod/{dump.pod}"


def _named(item: PlannedObject) -> tuple[str, str, str]:
    return item.key.group_resource, item.key.namespace, item.key.name


def hook_problems(records: Iterable[HookRecord]) -> list[Problem]:
    """What the run as a whole says about hooks."""
    return [
        Problem(f"the hook {one.name} ({one.when}) failed in the pod {one.namespace}/{one.pod}", one.why, one.next)
        for one in records
        if one.outcome is HookOutcome.FAILED
    ]


def _owner(pod: Object) -> tuple[str, str]:
    return str(at(pod, "metadata").get("namespace", "")), workload_of(pod) or f"pod/{name_of(pod)}"
