"""Whether the controller is alive, and ready, as Kubernetes' probes ask."""

from __future__ import annotations

import threading

from holdfast.model.clock import Clock

PATIENCE = 60.0
"""Seconds after which a main loop that gave no sign counts as stuck."""


class Health:
    """Thread-safe. The main loop calls `beat` in each of its rounds, also when there is nothing to do."""

    def __init__(self, clock: Clock, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._last = clock.monotonic()
        self._waiting_for = "the controller is starting"

    def beat(self) -> None:
        with self._lock:
            self._last = self._clock.monotonic()

    def ready(self) -> None:
        with self._lock:
            self._waiting_for = ""

    def not_ready(self, why: str) -> None:
        with self._lock:
            self._waiting_for = why

    def why_not_alive(self) -> str:
        """Empty if it is."""
        with self._lock:
            silence = self._clock.monotonic() - self._last
        return f"the main loop gave no sign for {silence:.0f} s" if silence > self._patience else ""

    def why_not_ready(self) -> str:
        """Empty if it is."""
        with self._lock:
            return self._waiting_for
