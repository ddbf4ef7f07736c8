"""The end of a run's movers: everything that carries the run's label goes, pods first, so that nobody uses a volume any more.

The Lease goes last: whoever is killed in the middle leaves a dead run, and the next one goes on here (`sweep`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from holdfast.api.names import RUN_LABEL
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError
from holdfast.manifests.jobs import JOBS
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, name_of, text
from holdfast.objects.lost_pods import is_lost
from holdfast.operations.applying import listed
from holdfast.operations.movers.kinds import CLAIMS, PODS
from holdfast.operations.movers.sweep import remove_volumes

_PATIENCE = 90.0  # seconds; a mover has thirty to stop
_LOOK = 0.25
_LONGEST_LOOK = 2.0


def clean_up(cluster: Cluster, namespace: str, run: str) -> list[str]:
    """Gives what is still there after a while, for people. Raises ApiRefused, ClusterUnreachable."""
    _delete(cluster, JOBS, namespace, run)
    left = _wait_gone(cluster, namespace, run, (JOBS, PODS))
    with _where_allowed():
        remove_volumes(cluster, run)
    with _where_allowed():
        _delete(cluster, CLAIMS, namespace, run)
        if not left:  # a claim stays as long as a pod has it
            left = _wait_gone(cluster, namespace, run, (CLAIMS,))
    return left


@contextmanager
def _where_allowed() -> Iterator[None]:
    """An account that may not list such objects made none, or leaves them to the Lease's end."""
    try:
        yield
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise


def _delete(cluster: Cluster, resource: Resource, namespace: str, run: str) -> None:
    for one in _of_run(cluster, resource, namespace, run):
        try:
            cluster.delete(resource, namespace, name_of(one), uid=text(one, "metadata", "uid"))
        except ApiRefused as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise


def _wait_gone(cluster: Cluster, namespace: str, run: str, resources: Iterable[Resource]) -> list[str]:
    """What is still there at the end of the patience. An API server in trouble is asked again until then.

    A pod whose node was lost is there until the node comes back; nothing else being there, it is not waited for.
    """
    clock = cluster.connection.clock
    end = clock.monotonic() + _PATIENCE
    pause = _LOOK
    while True:
        try:
            left = [(resource, one) for resource in resources for one in _of_run(cluster, resource, namespace, run)]
            if all(is_lost(one) for _, one in left) or clock.monotonic() >= end:
                return [f"{resource.plural}/{namespace}/{name_of(one)}" for resource, one in left]
        except ClusterError as error:
            if clock.monotonic() >= end or (isinstance(error, ApiRefused) and error.reason == "Forbidden"):
                raise
        cluster.connection.sleep(pause)
        pause = min(_LONGEST_LOOK, pause * 1.5)


def _of_run(cluster: Cluster, resource: Resource, namespace: str, run: str) -> list[Object]:
    return listed(cluster, resource, namespace=namespace, label_selector=f"{RUN_LABEL}={run}")
