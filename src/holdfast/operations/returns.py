"""What comes back from other threads, entered by the one that walks: so only one thread changes what is known of a tree."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Generic, TypeVar

from holdfast.model.cancel import Cancel

Result = TypeVar("Result")

_LOOK_UP = 0.2  # seconds between two looks at the cancel flag while there is nothing else to do


class Returns(Generic[Result]):
    """`put` is for any thread, the rest for the one that walks."""

    def __init__(self, cancel: Cancel, enter: Callable[[Result], None]) -> None:
        self._cancel = cancel
        self._enter = enter
        self._waiting: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()

    def put(self, result: Result | BaseException) -> None:
        self._waiting.put(result)

    def take(self) -> None:
        """Enters what has come back so far. Raises what went wrong in another thread."""
        while not self._waiting.empty():
            self._enter_one(self._waiting.get())

    def wait_until(self, is_done: Callable[[], bool]) -> None:
        """Enters what comes back until all of something is there. Raises what went wrong in another thread, and Cancelled."""
        while not is_done():
            try:
                self._enter_one(self._waiting.get(timeout=_LOOK_UP))
            except queue.Empty:
                self._cancel.check()

    def _enter_one(self, result: Result | BaseException) -> None:
        if isinstance(result, BaseException):
            raise result
        self._enter(result)
