"""Prometheus' view of our objects. Nothing is counted here, so nothing is counted twice or lost with a restart."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from holdfast.api.backup import Backup
from holdfast.api.restore import Restore
from holdfast.controller.metrics import locations, plans
from holdfast.controller.metrics.snapshot import Snapshot
from holdfast.controller.metrics.table import families

_REMEMBERED_SCHEDULES = 4096


class ObjectCollector(Collector):
    """`snapshot` gives what there is now; None while another replica leads, which tells everything then."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], interval: plans.Interval) -> None:
        self._snapshot = snapshot
        self._plan_rows = plans.rows(functools.lru_cache(_REMEMBERED_SCHEDULES)(interval))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self._snapshot()
        if found is None:
            return
        yield from families(self._plan_rows, found.plans, "plan")
        yield from families(locations.ROWS, found.locations, "location")
        yield _phases("holdfast_backups", "Backup objects by namespace and phase.", found.backups)
        yield _phases("holdfast_restores", "Restore objects by namespace and phase.", found.restores)


def _phases(name: str, text: str, objects: Iterable[Backup | Restore]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["namespace", "phase"])
    for (namespace, phase), count in Counter(
        (one.metadata.namespace, one.status.phase or "Pending") for one in objects
    ).items():
        family.add_metric([namespace, phase], count)
    return family
