"""The movers of one run: pods that read or write volumes, from the first to the last, and nothing of them left at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from holdfast.cluster.cluster import Cluster
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask


class Movers:
    """Use it in `with`. What is to go with the run carries its `labels`, and inside the namespace its `owner` too."""

    labels: dict[str, str]
    owner: dict[str, Any]  # an entry of ownerReferences: the run's Lease

    def __init__(
        self, cluster: Cluster, settings: MoverSettings, run_id: str, cancel: Cancel, progress: Progress
    ) -> None:
        """Asks the cluster for nothing yet."""
        self.settings = settings
        self.run_id = run_id

    def __enter__(self) -> Self:
        """Removes what dead runs left in the namespace, and makes the namespace if there is none, the run's Lease and Secret.

        Raises ApiRefused, ClusterUnreachable, Cancelled.
        """
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes all that carries the run's labels; also after a failure or a stop. Raises nothing."""

    def run(self, tasks: Sequence[MoverTask], done: Callable[[MoverEnd], None] = lambda _: None) -> list[MoverEnd]:
        """One mover for each task, as many side by side as the settings allow; ends in the order in which they ended.

        `done` is called in this thread as soon as one has ended. What happens to a single mover is its end, never an error.
        Raises Cancelled, ClusterUnreachable if the API server stays away, ClusterError if the run's Lease was taken from it.
        """
        raise NotImplementedError
