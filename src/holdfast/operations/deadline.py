"""Giving up on what cannot be stopped: a request to a server that took the connection and says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable


def within(seconds: float, action: Callable[[], None]) -> bool:
    """Whether `action` ended in that time; what it raises is raised here. One that hangs ends with the process."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    return not thread.is_alive()
