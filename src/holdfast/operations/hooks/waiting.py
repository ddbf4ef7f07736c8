"""Waiting until a command can be run in a container."""

from __future__ import annotations

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at, items
from holdfast.objects.hooks.select import PodHooks

_POLL = 1.0  # seconds
_PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
_FINISHED = ("Succeeded", "Failed")


def wait_for_container(cluster: Cluster, pod: PodHooks, container: str, timeout: float, *, ready: bool) -> None:
    """Until it runs, and is ready too if that is asked for.

    Raises ClusterError if the pod goes or ends, or after `timeout` seconds; ClusterUnreachable, Cancelled.
    """
    what = f"the container {container} of {pod.name} cannot be asked"
    deadline = cluster.connection.clock.monotonic() + timeout
    while True:
        body = cluster.get(_PODS, pod.namespace, pod.pod)
        if body is None:
            raise ClusterError(what, why="the pod is gone", next="Run the command again when the new pods are there.")
        live: Object = msgspec.json.decode(body)
        if at(live, "status").get("phase") in _FINISHED:
            raise ClusterError(what, why="the pod has ended", next="Look at its log.")
        if _is_there(live, container, ready=ready):
            return
        if cluster.connection.clock.monotonic() >= deadline:
            why = f"it was not {'ready' if ready else 'running'} after {timeout:g} s"
            raise ClusterError(what, why=why, next="Look at the pod's events, and give it more time.")
        cluster.connection.sleep(_POLL)


def _is_there(pod: Object, container: str, *, ready: bool) -> bool:
    for status in (*items(pod, "status", "containerStatuses"), *items(pod, "status", "initContainerStatuses")):
        if status.get("name") == container:
            return "running" in at(status, "state") and (not ready or status.get("ready") is True)
    return False
