"""Hooks after a restore, in the containers that it brought back."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.model.hooks import Hook, HookOutcome, HookRecord, HookSet
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object
from holdfast.objects.hooks.select import PodHooks, select_hooks
from holdfast.operations.hooks.attempt import Attempt, carry_out, told
from holdfast.operations.hooks.waiting import wait_for_container


def run_after_restore(cluster: Cluster, pods: Iterable[Object], given: HookSet, progress: Progress) -> list[HookRecord]:
    """Runs each pod's hooks one after another, once their containers run; after one that `stops`, no more of that pod.

    Raises Cancelled, ClusterUnreachable.
    """
    records: list[HookRecord] = []
    for pod in select_hooks(pods, given):
        of_pod: list[HookRecord] = []
        for hook in pod.after_restore:
            if any(record.stops for record in of_pod):
                record = Attempt(cluster, pod, hook).left_out("a hook before it failed")
            else:
                record = _run(cluster, pod, hook)
            say = progress.warn if record.outcome is HookOutcome.FAILED else progress.note
            say(told(record))
            of_pod.append(record)
        records += of_pod
    return records


def _run(cluster: Cluster, pod: PodHooks, hook: Hook) -> HookRecord:
    attempt = Attempt(cluster, pod, hook)
    if impossible := attempt.not_possible():
        return impossible
    try:
        wait_for_container(cluster, pod, hook.container, hook.wait, ready=hook.wait_for_ready)
    except ClusterError as error:
        return attempt.broke(error)
    return carry_out(cluster, pod, hook)
