"""How the volumes of a backup get read: what `run` asks of whoever has movers. Real ones are pods; tests have others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object
from holdfast.operations.movers.exposing import Exposures
from holdfast.operations.movers.run import Movers
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask


class Begun(Protocol):
    """The movers of one run."""

    def expose(self, claim: Object) -> str:
        """The claim that a mover mounts to see this one's volume. Raises what hinders it."""
        ...

    def run(self, tasks: Sequence[MoverTask]) -> list[MoverEnd]:
        """See `holdfast.operations.movers.run.Movers.run`."""
        ...


class ReadyMovers(Protocol):
    """Movers of which nothing hinders the start, as far as can be known before."""

    def begin(self, run_id: str, cancel: Cancel, progress: Progress) -> AbstractContextManager[Begun]:
        """At the end of the `with` block, nothing of them is left. Raises what hinders all of them."""
        ...


class VolumeMovers(Protocol):
    def prepare(self, cluster_name: str) -> ReadyMovers:
        """Asked for only if a volume needs a mover. Nothing is made yet.

        Raises PlanRefused or UsageError if there can be none: no pod reaches the repository, say.
        """
        ...


class PodMovers:
    """Movers as pods of a cluster."""

    def __init__(self, cluster: Cluster, settings: Callable[[str], MoverSettings]) -> None:
        """`settings` makes them for the name of a cluster, and raises what `VolumeMovers.prepare` raises."""
        self._cluster = cluster
        self._settings = settings

    def prepare(self, cluster_name: str) -> ReadyMovers:
        return _ReadyPods(self._cluster, self._settings(cluster_name))


class _ReadyPods:
    def __init__(self, cluster: Cluster, settings: MoverSettings) -> None:
        self._cluster = cluster
        self._settings = settings

    @contextlib.contextmanager
    def begin(self, run_id: str, cancel: Cancel, progress: Progress) -> Iterator[Begun]:
        with Movers(self._cluster, self._settings, run_id, cancel, progress) as movers:
            exposures = Exposures(self._cluster, movers)
            try:
                yield _PodsBegun(movers, exposures)
            finally:
                try:
                    exposures.withdraw_all()
                except ClusterError as error:
                    progress.warn(f"{error}; the next run that has movers removes what is left")


class _PodsBegun:
    def __init__(self, movers: Movers, exposures: Exposures) -> None:
        self.expose = exposures.expose
        self._movers = movers

    def run(self, tasks: Sequence[MoverTask]) -> list[MoverEnd]:
        return self._movers.run(tasks)
