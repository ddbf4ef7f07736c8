"""One notification to several URLs, by a process that is ended when it takes too long."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

import msgspec

from holdfast.controller.notifications import apprise_process
from holdfast.controller.notifications.apprise_process import Delivery, Type
from holdfast.controller.notifications.message import Message, MessageKind, combined

_TYPES: dict[MessageKind, Type] = {
    MessageKind.FAILED: "failure",
    MessageKind.LOCATION_FAILED: "failure",
    MessageKind.MISSED: "warning",
    MessageKind.RETENTION_HELD: "warning",
    MessageKind.RECOVERED: "success",
}
_WORST_FIRST: tuple[Type, ...] = ("failure", "warning", "success")


class Deliverer(Protocol):
    def deliver(self, messages: Sequence[Message], urls: Sequence[str]) -> list[str]:
        """Tells all messages in one notification. Returns those URLs whose service did not take it."""
        ...

    def stop(self) -> None:
        """Ends a delivery that goes on, at once; from now on nothing is delivered."""
        ...


class AppriseDeliverer:
    """`seconds` is how long all services together may take."""

    def __init__(self, seconds: int = 30) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def deliver(self, messages: Sequence[Message], urls: Sequence[str]) -> list[str]:
        title, body = combined(messages)
        types = {_TYPES[message.kind] for message in messages}
        worst = next(one for one in _WORST_FIRST if one in types)
        delivery = Delivery(urls=list(urls), title=title, body=body, type=worst, seconds=self._seconds)
        try:
            process = self._start()
        except OSError:  # no memory or no process is to be had now
            process = None
        if process is None:
            return list(urls)
        with process:
            try:
                printed, _ = process.communicate(msgspec.json.encode(delivery), timeout=self._seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                printed, _ = process.communicate()
        taken = {int(line) for line in printed.split()}
        return [url for number, url in enumerate(urls) if number not in taken]

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", apprise_process.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # libraries may put URLs there
            )
            return self._process
