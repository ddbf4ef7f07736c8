"""What the API server says about the Jobs and pods of one run: two watches for all movers, and events when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from holdfast.api.names import RUN_LABEL
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.watch_events import Changed, Deleted, Listed
from holdfast.errors import ApiRefused, Cancelled, ClusterError
from holdfast.manifests.jobs import JOBS
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at, name_of, text
from holdfast.operations.applying import listed
from holdfast.operations.movers.kinds import CLAIMS, EVENTS, PODS

JOB_NAME = "batch.kubernetes.io/job-name"
_FRESH = 4.0  # seconds for which a list of events and claims is good enough


class Sight:
    """`start`, then ask from many threads, then `close`."""

    def __init__(self, cluster: Cluster, namespace: str, run: str) -> None:
        self._cluster = cluster
        self._apart = cluster.apart()
        self._namespace = namespace
        self._selector = f"{RUN_LABEL}={run}"
        self._changed = threading.Condition()
        self._known: dict[str, dict[str, Object]] = {JOBS.kind: {}, PODS.kind: {}}
        self._failure: ClusterError | None = None
        self._threads = [
            threading.Thread(target=self._watch, args=(resource,), name=f"watch {resource.plural}", daemon=True)
            for resource in (JOBS, PODS)
        ]
        self._listing = threading.Lock()
        self._listed_at: float | None = None
        self._around: tuple[list[Object], list[Object]] = ([], [])

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._apart.connection.cancel.request()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._apart.close()

    def check(self) -> None:
        """Raises what ended a watch: ApiRefused where this account may not watch."""
        if self._failure is not None:
            raise self._failure

    def job(self, name: str) -> Object | None:
        with self._changed:
            return self._known[JOBS.kind].get(name)

    def pod(self, name: str) -> Object | None:
        with self._changed:
            return self._known[PODS.kind].get(name)

    def pods_of(self, job: str) -> list[Object]:
        """The oldest first."""
        with self._changed:
            found = [
                pod for pod in self._known[PODS.kind].values() if at(pod, "metadata", "labels").get(JOB_NAME) == job
            ]
        return sorted(found, key=lambda pod: (text(pod, "metadata", "creationTimestamp"), name_of(pod)))

    def wait(self, seconds: float) -> None:
        """Until something changed, or so long."""
        with self._changed:
            self._changed.wait(seconds)

    def around(self) -> tuple[Sequence[Object], Sequence[Object]]:
        """Events and claims of the namespace, as they were a moment ago; empty where this account may not list them."""
        with self._listing:
            now = self._cluster.connection.clock.monotonic()
            if self._listed_at is None or now - self._listed_at > _FRESH:
                self._around = self._list(EVENTS), self._list(CLAIMS)
                self._listed_at = now
            return self._around

    def _list(self, resource: Resource) -> list[Object]:
        try:
            return listed(self._cluster, resource, namespace=self._namespace)
        except ApiRefused:
            return []

    def _watch(self, resource: Resource) -> None:
        try:
            for event in self._apart.watch(resource, namespace=self._namespace, label_selector=self._selector):
                if isinstance(event, Listed | Changed | Deleted):
                    with self._changed:
                        self._take(self._known[resource.kind], event)
                        self._changed.notify_all()
        except Cancelled:
            pass
        except ClusterError as error:
            self._failure = error

    @staticmethod
    def _take(known: dict[str, Object], event: Listed | Changed | Deleted) -> None:
        if isinstance(event, Listed):
            known.clear()
        for data in event.items if isinstance(event, Listed) else [event.object]:
            obj: Object = msgspec.json.decode(data)
            if isinstance(event, Deleted):
                known.pop(name_of(obj), None)
            else:
                known[name_of(obj)] = obj
