"""Running a command in a container: the `exec` of a pod, over a WebSocket.

Each message begins with one byte that says which stream it belongs to. How the command ended comes last, as a Status object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from holdfast.cluster import failures, paths
from holdfast.cluster.connection import Connection
from holdfast.cluster.websocket import Refused, WebSocket, WebSocketException
from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")  # v5 since Kubernetes 1.30
_PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
_UNAUTHORIZED = 401
_OUTPUT, _ERRORS, _END = 1, 2, 3
_MOST_OUTPUT = 1 << 20  # bytes of each stream that are kept


class Executed(NamedTuple):
    exit_code: int
    output: bytes
    errors: bytes


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class _Ending(msgspec.Struct):
    status: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def execute(
    connection: Connection, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
) -> Executed:
    """Runs the command without input, and gives its exit code and the beginning of what it wrote.

    Raises ApiRefused if it may not be run or cannot be started, ClusterError after `timeout` seconds, ClusterUnreachable,
    Cancelled. A command that is given up may go on in its container.
    """
    what = f"cannot run {command[0]} in the pod {namespace}/{pod}"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", part) for part in command)]
    path = f"{paths.single(_PODS, namespace, pod, 'exec')}?{urlencode(query)}"
    deadline = connection.clock.monotonic() + timeout

    def go_on() -> None:
        connection.cancel.check()
        if connection.clock.monotonic() > deadline:
            raise ClusterError(
                what, why=f"it did not end in {timeout:g} s", next="Give it more time, or look at the pod."
            )

    dialled = connection.dial(path)
    try:
        return _converse(WebSocket(dialled.socket, dialled.url, dialled.headers, _PROTOCOLS, go_on), what)
    except Refused as refused:
        if refused.status != _UNAUTHORIZED:
            raise failures.refusal(what, refused.status, refused.body) from None
        if not connection.settings.credential.renew(dialled.presented):
            raise failures.unauthorized(what, connection.settings.context) from None
    except (OSError, WebSocketException) as error:
        raise ClusterError(what, why=f"the connection broke: {error}", next="Try again.") from error
    finally:
        dialled.socket.close()
    return execute(connection, namespace, pod, container, command, timeout=timeout)  # with the renewed credential


def _converse(conversation: WebSocket, what: str) -> Executed:
    output, errors = bytearray(), bytearray()
    ending: bytes | None = None
    for message in conversation.messages():
        stream, data = message[:1], message[1:]
        if stream == bytes((_OUTPUT,)):
            output += data[: _MOST_OUTPUT - len(output)]
        elif stream == bytes((_ERRORS,)):
            errors += data[: _MOST_OUTPUT - len(errors)]
        elif stream == bytes((_END,)):
            ending = data
            break
    if ending is None:
        raise ClusterError(
            what, why="the connection ended before the command did", next="Look at the pod, and try again."
        )
    return Executed(_exit_code(ending, what), bytes(output), bytes(errors))


def _exit_code(ending: bytes, what: str) -> int:
    """Raises ClusterError if the command could not be started at all."""
    try:
        status = msgspec.json.decode(ending, type=_Ending)
    except msgspec.MsgspecError:
        status = _Ending(message=ending.decode(errors="replace")[:500])
    if status.status == "Success":
        return 0
    for cause in (status.details and status.details.causes) or ():
        if cause.reason == "ExitCode" and cause.message.isdigit():
            return int(cause.message)
    raise ClusterError(what, why=status.message or status.reason, next="See whether the container has this program.")
