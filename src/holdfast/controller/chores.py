"""What the controller does now and then, whatever happens."""

from __future__ import annotations

from collections.abc import Callable


class Chore:
    """Due at once, and again so many seconds after it was done."""

    def __init__(self, every: float, do: Callable[[], None]) -> None:
        self._every = every
        self._do = do
        self._done = float("-inf")

    def do_if_due(self, monotonic: float) -> None:
        if monotonic - self._done >= self._every:
            self._done = monotonic
            self._do()
