"""After a restore: dumps go back into their databases, then come the hooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdfast.cluster.cluster import Cluster
from holdfast.ids import BlobId
from holdfast.model.hooks import HookRecord, HookSet
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object
from holdfast.repository.repository import Repository


def load_dumps(
    cluster: Cluster,
    repository: Repository,
    tree: BlobId,
    saved: Sequence[HookRecord],
    pods: Iterable[Object],
    given: HookSet,
    namespaces: Mapping[str, str],
    progress: Progress,
) -> list[HookRecord]:
    """Streams the dumps among `saved`, the backup's records, into pods of the same name or workload.

    `tree` is the backup's; `pods` are those that the restore made or found ready, `namespaces` maps the backup's names to those
    of the target. A record for each dump, whatever becomes of it. Raises Cancelled, ClusterUnreachable, and what the repository
    raises.
    """
    raise NotImplementedError


def run_after_restore(cluster: Cluster, pods: Iterable[Object], given: HookSet, progress: Progress) -> list[HookRecord]:
    """Runs the hooks for after a restore in these pods, once the container of each runs. Raises Cancelled, ClusterUnreachable."""
    raise NotImplementedError
