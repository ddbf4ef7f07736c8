"""A clock that stands still until a test moves it."""

from __future__ import annotations

import datetime as dt
import threading

_START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class ManualClock:
    """A `holdfast.model.clock.Clock`. Both its times move together, by `advance` or `sleep` only."""

    def __init__(self, start: dt.datetime = _START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> dt.datetime:
        return self._start + dt.timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._elapsed += seconds

    def sleep(self, seconds: float) -> None:
        """What code under test calls instead of `time.sleep`: takes no time, and the clock shows it as spent."""
        self.advance(seconds)
