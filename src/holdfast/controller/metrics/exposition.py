"""All metrics as the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from holdfast.controller.metrics.collector import ObjectCollector
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.plans import Interval
from holdfast.controller.metrics.snapshot import Snapshot


class Exposition:
    """`snapshot` and `interval` are those of ObjectCollector."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], instruments: Instruments, interval: Interval) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ObjectCollector(snapshot, interval))
        self._registry.register(instruments)
        ProcessCollector(registry=self._registry)  # memory, processor time, open files of this process

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its content type, in the newest format that the header `Accept` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
