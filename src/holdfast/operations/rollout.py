"""Waiting until the controller's pods are at work, or are gone."""

from __future__ import annotations

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.manifests.controller import NAME, POD_LABELS
from holdfast.manifests.installation import DEPLOYMENTS
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object
from holdfast.objects.readiness import State, readiness
from holdfast.objects.why_not_ready import Surroundings, why_not_ready
from holdfast.operations.applying import listed

_POLL = 0.5  # seconds
_REPLICA_SETS = Resource(group="apps", version="v1", plural="replicasets", kind="ReplicaSet", namespaced=True)
_PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
_EVENTS = Resource(group="", version="v1", plural="events", kind="Event", namespaced=True)


def wait_available(cluster: Cluster, namespace: str, timeout: float) -> None:
    """Until the controller's newest pods are at work. Raises ClusterError with the pods' own reason after `timeout` seconds."""
    clock = cluster.connection.clock
    deadline = clock.monotonic() + timeout
    while True:
        body = cluster.get(DEPLOYMENTS, namespace, NAME)
        deployment: Object = msgspec.json.decode(body) if body else {}
        found = readiness(DEPLOYMENTS.group_resource, deployment)
        if deployment and found.state is State.READY:
            return
        if clock.monotonic() >= deadline:
            around = Surroundings(
                replica_sets=listed(cluster, _REPLICA_SETS, namespace=namespace),
                pods=listed(cluster, _PODS, namespace=namespace),
                events=listed(cluster, _EVENTS, namespace=namespace),
            )
            cause = why_not_ready(DEPLOYMENTS.group_resource, deployment, around)[0]
            raise ClusterError(
                f"the controller was not available after {timeout:g} s: {found.text}", why=cause.why, next=cause.next
            )
        cluster.connection.sleep(_POLL)


def wait_stopped(cluster: Cluster, namespace: str, timeout: float) -> None:
    """Until no pod of the controller is left that could still act. Raises ClusterError after `timeout` seconds."""
    clock = cluster.connection.clock
    deadline = clock.monotonic() + timeout
    selector = ",".join(f"{name}={value}" for name, value in POD_LABELS.items())
    while pods := listed(cluster, _PODS, namespace=namespace, label_selector=selector):
        if clock.monotonic() >= deadline:
            raise ClusterError(
                f"{len(pods)} pods of the controller were still there after {timeout:g} s",
                why="they may be on a node that does not answer",
                next=f"Look at them: `kubectl -n {namespace} get pods -l {selector} -o wide`. Then run the command again.",
            )
        cluster.connection.sleep(_POLL)
