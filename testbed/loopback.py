"""Servers on the loopback address: free ports for them, waiting until they answer, a first request."""

from __future__ import annotations

import http.client
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack

from testbed.errors import SetupFailed
from testbed.workspace import Workspace

ADDRESS = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections: those cannot come in between.
_PORTS = range(20000, 30000)
_SECONDS_BETWEEN_LOOKS = 0.05


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on now."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            candidate = random.choice(_PORTS)
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((ADDRESS, candidate))
            except OSError:
                continue
            found.append(candidate)
    return found


def wait_until(ready: Callable[[], bool], what: str, workspace: Workspace, *, seconds: float = 60) -> None:
    """Return when `ready` says so. SetupFailed after `seconds`, or at once if a server of `workspace` ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        workspace.check_alive()
        if time.monotonic() > deadline:
            logs = "\n".join(f"{name}: {workspace.end_of_log(name)}" for name in workspace.processes)
            raise SetupFailed(f"{what} is not ready after {seconds:.0f} s", why=logs)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def answers_http(url: str) -> bool:
    """Whether something at `url` speaks HTTP; an error status is an answer too."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        answer.close()
        return True
    except (OSError, http.client.HTTPException):
        return False


def send(request: urllib.request.Request) -> None:
    """Send a request whose answer does not matter; SetupFailed with the answer if it is an error."""
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as refusal:
        with refusal:
            why = refusal.read(2000).decode(errors="replace")
        raise SetupFailed(f"{request.get_method()} {request.full_url} got {refusal.code}", why=why) from None
