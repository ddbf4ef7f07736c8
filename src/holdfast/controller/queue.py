"""Keys that wait for a decision: each at most once, now or at a time to come."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable

from holdfast.controller.world import Key

_STALE = 64
"""Outdated entries that are kept in any case."""


class Queue:
    """`monotonic` is a clock's; times are seconds on it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []  # has stale entries: what counts is in `_due`
        self._closed = False

    def add(self, key: Key, after: float = 0.0) -> None:
        """An earlier time that a key waits for already stays."""
        due = self._monotonic() + after
        with self._changed:
            if key in self._due and self._due[key] <= due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            if len(self._heap) > 2 * len(self._due) + _STALE:  # those for next month would stay until then
                self._heap = [(due, key) for key, due in self._due.items()]
                heapq.heapify(self._heap)
            self._changed.notify()

    def take(self, patience: float) -> Key | None:
        """The next key that is due; None when none was for so many seconds, or when the queue was closed."""
        end = self._monotonic() + patience
        with self._changed:
            while not self._closed:
                now = self._monotonic()
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heapq.heappop(self._heap)
                if self._heap and self._heap[0][0] <= now:
                    _, key = heapq.heappop(self._heap)
                    del self._due[key]
                    return key
                if now >= end:
                    return None
                following = self._heap[0][0] if self._heap else end
                self._changed.wait(min(following, end) - now)
        return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._due)
