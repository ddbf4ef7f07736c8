"""Hooks before and after a backup, with the timer that thaws what nobody thawed."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.cluster.cluster import Cluster
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import HookRecord
from holdfast.model.progress import Progress
from holdfast.objects.hooks.select import PodHooks


class HookRunner:
    """For one run. Thread-safe as long as a pod is in one thread's hands."""

    def __init__(self, cluster: Cluster, run_id: str, cancel: Cancel, progress: Progress) -> None: ...

    def before(self, group: Sequence[PodHooks]) -> list[HookRecord]:
        """Runs the hooks of pods that share volumes, pod by pod. A record that `stops` means: do not read the volumes.

        Raises Cancelled, ClusterUnreachable; `after` must be called all the same.
        """
        raise NotImplementedError

    def after(self, group: Sequence[PodHooks]) -> list[HookRecord]:
        """Undoes what `before` began, the last pod first; also after a stop was asked for. Raises nothing for a hook."""
        raise NotImplementedError
