"""What the controller counts of its own work. These counts begin anew with each process, as Prometheus expects."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from holdfast.version import VERSION

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10)


class Instruments(Collector):
    """All methods are thread-safe. `cluster` is the UID that names this cluster in backups; it may be empty."""

    def __init__(self, cluster: str = "") -> None:
        self._own = own = CollectorRegistry()
        Info("holdfast_build", "Which Holdfast this is, and the cluster's UID.", registry=own).info(
            {"version": VERSION, "cluster_uid": cluster}
        )
        self._leader = Gauge("holdfast_controller_leader", "1 in the replica that leads.", registry=own)
        self._reconciled = Histogram(
            "holdfast_controller_reconcile_duration_seconds",
            "Time from a decision to the end of its actions, by kind of object.",
            ["kind"],
            buckets=_SECONDS,
            registry=own,
        )
        self._errors = Counter(
            "holdfast_controller_reconcile_errors", "Decisions or actions that failed.", ["kind"], registry=own
        )
        self._watches = Counter(
            "holdfast_controller_watch_restarts", "Watches that began anew with a list.", ["kind"], registry=own
        )
        self._sent = Counter("holdfast_notifications_sent", "Notifications that were taken.", ["service"], registry=own)
        self._failed = Counter(
            "holdfast_notifications_failed",
            "Notifications that a service did not take, also when tried again.",
            ["service"],
            registry=own,
        )

    def lead(self, leading: bool) -> None:
        self._leader.set(leading)

    def reconciled(self, kind: str, seconds: float, *, failed: bool = False) -> None:
        self._reconciled.labels(kind).observe(seconds)
        if failed:
            self._errors.labels(kind).inc()
        else:
            self._errors.labels(kind)  # a series that begins with 0, so that the first error is an increase

    def watch_restarted(self, kind: str) -> None:
        self._watches.labels(kind).inc()

    def notification_sent(self, service: str) -> None:
        self._sent.labels(service).inc()
        self._failed.labels(service)

    def notification_failed(self, service: str) -> None:
        self._failed.labels(service).inc()

    def collect(self) -> Iterator[Metric]:
        """Without the times of creation, which the library adds to every counter as a gauge."""
        for metric in self._own.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
