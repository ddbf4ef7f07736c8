"""How a run is asked to stop at its next safe point."""

from __future__ import annotations

import threading

from holdfast.errors import Cancelled


class Cancel:
    """A flag that any thread may set and every long loop looks at between two units of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        self._event.set()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises Cancelled once a stop was requested."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Sleeps up to `seconds`; raises Cancelled as soon as a stop is requested."""
        if self._event.wait(seconds):
            raise Cancelled
