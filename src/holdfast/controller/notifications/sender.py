"""Sends messages beside the controller's work, which it never holds up.

At most one message waits for each object. A message counts as told when one service has taken it, or when there is no URL;
only then `told` is called, which writes `status.notified`. If no service takes it, it waits and is tried again, later and
later, so nothing is lost while all services are down; a controller that is started anew finds it in the status again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.controller.notifications.delivery import Deliverer
from holdfast.controller.notifications.message import Message
from holdfast.controller.notifications.urls import service_of
from holdfast.controller.world import Key

_TOGETHER = 200
"""Messages in one notification at most."""


class Counts(Protocol):
    """`holdfast.controller.metrics.instruments.Instruments` is one."""

    def notification_sent(self, service: str) -> None: ...

    def notification_failed(self, service: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    gather: float = 5  # that the first message waits for others: when a store fails, all its plans do
    retries: tuple[float, ...] = (2, 10)  # before those services are tried again that did not take a notification
    rests: tuple[float, ...] = (
        60,
        300,
        900,
    )  # before the next notification if no service took one; the last one for ever


class Sender:
    """Thread-safe. `told` and `log` are called in the sender's thread and must not raise; no line of `log` has a URL in it."""

    def __init__(
        self,
        *,
        urls: Callable[[], Sequence[str]],
        deliverer: Deliverer,
        told: Callable[[Message], None],
        counts: Counts,
        log: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        self._urls = urls
        self._deliverer = deliverer
        self._tell = told
        self._counts = counts
        self._log = log
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._waiting: dict[Key, Message] = {}
        self._told: dict[Key, str] = {}  # what the status says soon, if it does not yet
        self._arrived = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holdfast-notifications", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends at once; what still waits is found in the status by the next controller."""
        self._ending.set()
        self._arrived.set()
        self._deliverer.stop()
        self._thread.join()

    def offer(self, message: Message) -> None:
        """Returns at once. What was offered before, or told, is not told again."""
        with self._lock:
            if self._told.get(message.about) != message.notified:
                self._waiting[message.about] = message
                self._arrived.set()

    def _run(self) -> None:
        failures = 0
        while self._pause_until_something_waits():
            with self._lock:
                batch = list(self._waiting.values())[:_TOGETHER]
            if self._send(batch):
                failures = 0
                self._finish(batch)
            elif not self._ending.is_set():
                rest = self._pace.rests[min(failures, len(self._pace.rests) - 1)]
                failures += 1
                self._log(f"no service took a notification; {len(batch)} messages are sent again in {rest:.0f} s")
                self._ending.wait(rest)

    def _pause_until_something_waits(self) -> bool:
        """False at the end."""
        self._arrived.wait()
        return not self._ending.wait(self._pace.gather)

    def _send(self, batch: Sequence[Message]) -> bool:
        """Whether these count as told."""
        urls = list(self._urls())
        missing = urls
        for pause in (0, *self._pace.retries):
            if not missing or self._ending.wait(pause):
                break
            failed = self._deliverer.deliver(batch, missing)
            for url in missing:
                if url not in failed:
                    self._counts.notification_sent(service_of(url))
            missing = failed
        if self._ending.is_set() and len(missing) == len(urls):
            return False
        for url in missing:
            self._counts.notification_failed(service_of(url))
            self._log(
                f"a notification could not be sent: the {service_of(url)} service of the notifications' Secret did not take it"
            )
        return not urls or len(missing) < len(urls)

    def _finish(self, batch: Sequence[Message]) -> None:
        with self._lock:
            for message in batch:
                self._told[message.about] = message.notified
                # A message that came meanwhile did not know of this one: what is still to be told is offered again.
                self._waiting.pop(message.about, None)
            if not self._waiting:
                self._arrived.clear()
        for message in batch:
            self._tell(message)
