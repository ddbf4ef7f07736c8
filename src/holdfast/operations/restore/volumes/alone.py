"""What a restore of claims and nothing else selects."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.mapping import NameMap
from holdfast.operations.movers.kinds import NAMESPACES


def claims_alone(claims: Sequence[str], cluster: Cluster, namespaces: NameMap) -> Selection:
    """`shop/data` as the backup names it. A namespace that the target does not have comes along, and nothing else."""
    sources = sorted({name.partition("/")[0] for name in claims})
    missing = [name for name in sources if not _exists(cluster, namespaces[name])]
    objects = [*(f"namespaces/{name}" for name in missing), *(f"persistentvolumeclaims/{name}" for name in claims)]
    return Selection(objects=tuple(objects), cluster_objects=ClusterObjects.AUTO)


def _exists(cluster: Cluster, namespace: str) -> bool:
    """Who may not look is told by the API server, when something is made in it."""
    try:
        return cluster.get(NAMESPACES, "", namespace) is not None
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return True
