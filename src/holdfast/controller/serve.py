"""The whole controller: waits until it is the leader, works, and lets another one go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.cluster.cluster import Cluster
from holdfast.controller.election import Election
from holdfast.controller.health import Health
from holdfast.controller.http_server import HttpServer
from holdfast.controller.metrics.exposition import Exposition
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.intervals import longest_gap
from holdfast.controller.metrics.snapshot import Snapshot
from holdfast.controller.notifications import urls
from holdfast.controller.notifications.delivery import AppriseDeliverer
from holdfast.controller.notifications.sender import Sender
from holdfast.controller.runner import Runner
from holdfast.controller.web import routes
from holdfast.errors import Cancelled, ClusterError, UsageError
from holdfast.manifests.run_pod import Installation
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.schedule.schedule import Schedule

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    namespace: str  # Holdfast's own, where the lease is
    image: str  # of the pods of runs
    identity: str  # which replica this is: the pod's name
    port: int = 8080  # of metrics and probes; 0 takes a free one
    notifications: Path = urls.DIRECTORY  # where the Secret with their URLs is mounted


def serve(cluster: Cluster, options: ControllerOptions, clock: Clock, cancel: Cancel, say: Say) -> None:
    """Works until `cancel`, which is that of the cluster's connection, is requested.

    Raises ClusterError when the lease is lost or a right is missing: what restarts it then waits for the lease again.
    """
    uid, version = cluster.identity()
    health, instruments = Health(clock), Instruments(uid)
    working: list[Runner] = []  # at most one: this one, once it leads

    def snapshot() -> Snapshot | None:
        return working[0].snapshot() if working else None

    def interval(cron: str, time_zone: str) -> float | None:
        try:
            return longest_gap(Schedule.parse(cron, time_zone), clock.now().date())
        except UsageError:
            return None

    exposition = Exposition(snapshot, instruments, interval)
    election = Election(cluster, options.namespace, options.identity, clock, cancel, health.beat)
    with _served(HttpServer(routes(exposition, health), port=options.port)) as server:
        say(f"Kubernetes {version}, cluster {uid}; metrics and probes on port {server.port}")
        health.ready()  # to take over, which is all that is asked of a replica that waits
        say(f"{options.identity} waits for the lease in {options.namespace}")
        try:
            election.acquire()
            say(f"{options.identity} is the leader")
            instruments.lead(leading=True)
            runner = Runner(
                cluster,
                Installation(namespace=options.namespace, image=options.image, cluster=uid),
                clock=clock,
                cancel=cancel,
                health=health,
                instruments=instruments,
                say=say,
            )
            working.append(runner)
            with _telling(runner, options.notifications, instruments, say):
                runner.run()
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


@contextmanager
def _served(server: HttpServer) -> Iterator[HttpServer]:
    try:
        server.start()
    except OSError as error:
        raise UsageError(
            f"nothing can be served on port {server.port}", why=error.strerror or "", next="Choose another --port."
        ) from error
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _telling(runner: Runner, directory: Path, instruments: Instruments, say: Say) -> Iterator[None]:
    sender = Sender(
        urls=lambda: urls.read_urls(directory),
        deliverer=AppriseDeliverer(),
        told=runner.told,
        counts=instruments,
        log=say,
    )
    runner.offer = sender.offer
    sender.start()
    try:
        yield
    finally:
        sender.stop()
