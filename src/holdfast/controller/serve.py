"""The whole controller: waits until it is the leader, works, and lets another one go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.controller.election import Election
from holdfast.controller.runner import Runner
from holdfast.errors import Cancelled, ClusterError
from holdfast.manifests.run_pod import Installation
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    namespace: str  # Holdfast's own, where the lease is
    image: str  # of the pods of runs
    identity: str  # which replica this is: the pod's name


def serve(
    cluster: Cluster, options: ControllerOptions, clock: Clock, cancel: Cancel, say: Callable[[str], None]
) -> None:
    """Works until `cancel`, which is that of the cluster's connection, is requested.

    Raises ClusterError when the lease is lost or a right is missing: what restarts it then waits for the lease again.
    """
    election = Election(cluster, options.namespace, options.identity, clock, cancel)
    try:
        uid, version = cluster.identity()
        say(f"{options.identity} waits for the lease in {options.namespace}; Kubernetes {version}, cluster {uid}")
        election.acquire()
        say(f"{options.identity} is the leader")
        installation = Installation(namespace=options.namespace, image=options.image, cluster=uid)
        Runner(cluster, installation, clock, cancel, say).run()
    except Cancelled:
        pass
    finally:
        election.release()
    if election.is_lost:
        raise ClusterError(
            "the lease is lost",
            why="it could not be renewed in time, so another controller may work now",
            next="Nothing has to be done: the controller starts again and waits for the lease.",
        )
