"""The way back of a dump: from the backup into the input of a command in a container, without touching a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.execution import Input
from holdfast.errors import ClusterError, DamagedData, NotFound
from holdfast.model.hooks import DumpMode, Hook, HookOutcome, HookRecord, HookSet, When
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object, name_of, namespace_of
from holdfast.objects.hooks.recipes import RECIPES
from holdfast.objects.hooks.select import PodHooks, select_hooks, workload_of
from holdfast.operations.hooks.attempt import Attempt, told
from holdfast.operations.hooks.waiting import wait_for_container
from holdfast.repository.contents import SnapshotContents


def load_dumps(
    cluster: Cluster,
    contents: SnapshotContents,
    saved: Iterable[HookRecord],
    pods: Sequence[Object],
    given: HookSet,
    namespaces: Mapping[str, str],
    *,
    progress: Progress,
) -> list[HookRecord]:
    """Streams the dumps among `saved`, the backup's records, into pods of the same name, else of the same workload.

    `contents` is the backup; `pods` are those of the target that may be written to, `namespaces` maps the backup's names to
    those of the target. A record for each dump, whatever becomes of it. Raises Cancelled, ClusterUnreachable.
    """
    if given.dumps is DumpMode.NONE or not given.enabled:
        return []
    able = {pod.name: pod for pod in select_hooks(pods, given)}
    used: set[str] = set()
    records: list[HookRecord] = []
    for dump in saved:
        if dump.when is not When.DUMP or dump.outcome is not HookOutcome.DONE:
            continue
        pod = _pod_for(dump, pods, namespaces.get(dump.namespace, dump.namespace), used)
        if pod is not None:
            used.add(f"{pod.name}/{dump.container}/{dump.name}")
            pod = able.get(pod.name, pod)
        record = _load(cluster, contents, dump, pod)
        say = progress.warn if record.outcome is HookOutcome.FAILED else progress.note
        say(told(record))
        records.append(record)
    return records


def _pod_for(dump: HookRecord, pods: Iterable[Object], namespace: str, used: set[str]) -> PodHooks | None:
    """The pod of that name, or else one that its workload has instead, and that has had no such dump yet."""
    there = [pod for pod in pods if namespace_of(pod) == namespace]
    by_name = [pod for pod in there if name_of(pod) == dump.pod]
    alike = [
        pod
        for pod in there
        if dump.workload
        and workload_of(pod) == dump.workload
        and f"{namespace}/{name_of(pod)}/{dump.container}/{dump.name}" not in used
    ]
    found = next(iter(by_name or alike), None)
    return PodHooks(namespace=namespace, pod=name_of(found), workload=workload_of(found)) if found else None


def _load(cluster: Cluster, contents: SnapshotContents, dump: HookRecord, pod: PodHooks | None) -> HookRecord:
    nowhere = Hook(name=dump.name, when=When.LOAD, container=dump.container)
    if pod is None:
        lost = PodHooks(namespace=dump.namespace, pod=dump.pod, workload=dump.workload)
        return Attempt(cluster, lost, nowhere).left_out("there is no pod for it", "Restore its workload too.")
    hook = next((one for one in pod.loads if (one.container, one.name) == (dump.container, dump.name)), None)
    if hook is None:
        recipes = (
            f"--dumps auto uses the recipe for {RECIPES[dump.recipe].title}; or " if dump.recipe in RECIPES else ""
        )
        return Attempt(cluster, pod, nowhere).left_out(
            "nothing says by which command it is taken in",
            f"{recipes}give --hook-load {pod.name}:{dump.container}/{dump.name}=COMMAND.",
        )
    hook = replace(hook, command=hook.load)
    attempt = Attempt(cluster, pod, hook, When.LOAD)
    if impossible := attempt.not_possible():
        return impossible
    try:
        wait_for_container(cluster, pod, hook.container, hook.wait, ready=True)
        with cluster.running(
            pod.namespace,
            pod.pod,
            hook.command,
            container=hook.container,
            timeout=hook.timeout,
            give=Input(dump.bytes, contents.pieces(dump.path)),
        ) as command:
            ended = command.finish()
    except ClusterError as error:
        return attempt.broke(error)
    except (DamagedData, NotFound) as error:
        return attempt.failed(
            f"{error}; what was read before is in the database", "Run `holdfast repository check --read-data`."
        )
    complaint = RECIPES[hook.recipe].complaint(ended.errors) if hook.recipe in RECIPES else ""
    if ended.exit_code == 0 and complaint:
        return attempt.failed(
            f"the database refused a part of it: {complaint:.200}",
            "Load it into an empty database, with no other client connected.",
            exit_code=0,
        )
    return attempt.ended(ended.exit_code, ended.errors, path=dump.path, bytes=dump.bytes)
