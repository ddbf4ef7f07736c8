"""Reading live objects of one kind and namespace by their names: by one list, or one by one where that is less or all that is
allowed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import Resource
from holdfast.objects.metadata import glimpse

_FEW = 4
"""So many single requests cost less than a list of siblings whose number nobody knows."""


@dataclass(slots=True)
class LiveObjects:
    found: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # name → why it cannot be read


def read_live(cluster: Cluster, resource: Resource, namespace: str, names: Collection[str]) -> LiveObjects:
    """A name that is in neither is not there. Raises ClusterUnreachable, Cancelled, and ApiRefused for all but Forbidden."""
    listed = _list(cluster, resource, namespace, frozenset(names)) if len(names) > _FEW else None
    if listed is not None:
        return LiveObjects(listed)
    live = LiveObjects()
    for name in names:
        try:
            found = cluster.get(resource, namespace, name)
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            live.refused[name] = error.why or error.what
        else:
            if found is not None:
                live.found[name] = found
    return live


def _list(cluster: Cluster, resource: Resource, namespace: str, wanted: frozenset[str]) -> dict[str, bytes] | None:
    """None if this account may not list."""
    found: dict[str, bytes] = {}
    try:
        for page in cluster.list(resource, namespace=namespace or None):
            if page.restarted:
                found.clear()
            found.update((name, data) for data in page.items if (name := glimpse(data).name) in wanted)
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return None
    return found
