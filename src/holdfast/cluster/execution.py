"""Running a command in a container: the `exec` of a pod, over a WebSocket.

Each message begins with one byte that says which stream it belongs to. How the command ended comes last, as a Status object: an
output without one is not whole, whatever came of it.

The end of an input is not said by closing it: container runtimes (containerd 1.6 for one) then drop what the command has not read
yet, and it ends well on half of its input; kubectl has the same trouble. Its length is known before, and `head` counts.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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
_INPUT, _OUTPUT, _ERRORS, _END = (bytes((number,)) for number in range(4))
_MOST_OUTPUT = 1 << 20  # bytes of each stream that are kept
_MOST_READ = 1 << 20  # bytes
_PIECE = 32 << 10  # bytes of input in one message
_WITH_INPUT = """\
command -v head >/dev/null || { echo 'there is no head in this container' >&2; exit 127; }
length=$1
shift
head -c "$length" | "$@"
"""
_AFTERWARDS = 5.0  # seconds that the server has to close the connection once the command has ended


class Input(NamedTuple):
    """What a command is to read."""

    length: int  # of all pieces together
    pieces: Iterable[bytes]


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


class RunningCommand:
    """A command of which the output is read while it comes. Whoever does not read holds it up."""

    def __init__(self, messages: Iterator[bytes], patience: _Patience) -> None:
        self._messages = messages
        self._patience = patience
        self._output = bytearray()
        self._errors = bytearray()
        self._ending: bytes | None = None  # None until the server has told how it ended
        self._exit_code: int | None = None  # None until all that it wrote is here as well

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of its output, as of a file: empty at the end, which comes only with the command's own.

        Raises ClusterError if the connection ends before the command does, or the time is over; ApiRefused, Cancelled.
        """
        while len(self._output) < min(size, _MOST_READ) and self._exit_code is None:
            self._take()
        data = bytes(self._output[:size])
        del self._output[:size]
        return data

    def finish(self) -> Executed:
        """Waits for its end, and gives the exit code and the beginning of what it wrote since the last `read`."""
        kept = bytearray()
        while data := self.read(_MOST_READ):
            kept += data[: _MOST_OUTPUT - len(kept)]
        return Executed(self.exit_code, bytes(kept), bytes(self._errors))

    @property
    def exit_code(self) -> int:
        """Of a command that has ended: `read` gave nothing more."""
        if self._exit_code is None:
            raise ValueError("the command has not ended")
        return self._exit_code

    @property
    def errors(self) -> bytes:
        """The beginning of what it has written to standard error so far."""
        return bytes(self._errors)

    def _take(self) -> None:
        message = self._next()
        if message is None:
            self._exit_code = _exit_code(self._ending or b"", self._patience.what)
            return
        stream, data = message[:1], message[1:]
        if stream == _OUTPUT:
            self._output += data
        elif stream == _ERRORS:
            self._errors += data[: _MOST_OUTPUT - len(self._errors)]
        elif stream == _END:
            self._ending = data
            self._patience.has_ended()

    def _next(self) -> bytes | None:
        """None at the end, which is no good one without word of how the command ended."""
        broke: Exception | None = None
        try:
            message = next(self._messages, None)
        except (OSError, WebSocketException) as error:
            broke, message = error, None
        if message is None and self._ending is None:
            raise _broken(self._patience.what, broke or "it ended before the command did") from broke
        return message


def execute(
    connection: Connection, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
) -> Executed:
    """Runs the command without input, and gives its exit code and the beginning of what it wrote.

    Raises ApiRefused if it may not be run or cannot be started, ClusterError after `timeout` seconds, ClusterUnreachable,
    Cancelled. A command that is given up may go on in its container.
    """
    with running(connection, namespace, pod, container, command, timeout=timeout) as started:
        return started.finish()


@contextmanager
def running(
    connection: Connection,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    *,
    timeout: float,
    give: Input | None = None,
) -> Iterator[RunningCommand]:
    """Starts the command; `give` is its input, whose pieces are taken as the command reads them. That needs `sh` and `head`.

    Raises as `execute` does, and so does the RunningCommand, which raises what the pieces raise, too. An input that is given up
    ends for the command as well, wherever it is.
    """
    what = f"cannot run {command[0]} in the pod {namespace}/{pod}"
    streams = [("stdin", "true")] if give is not None else []
    query = [("container", container), *streams, ("stdout", "true"), ("stderr", "true")]
    if give is not None:
        command = ("/bin/sh", "-c", _WITH_INPUT, "holdfast", str(give.length), *command)
    query += [("command", part) for part in command]
    path = f"{paths.single(_PODS, namespace, pod, 'exec')}?{urlencode(query)}"
    patience = _Patience(connection, what, timeout)
    opened, conversation = _open(connection, path, patience)
    try:
        outgoing = None if give is None else _input_messages(give.pieces)
        yield RunningCommand(conversation.messages(outgoing), patience)
    finally:
        opened.close()


def _open(connection: Connection, path: str, patience: _Patience) -> tuple[socket.socket, WebSocket]:
    """The socket is the caller's to close."""
    while True:
        dialled = connection.dial(path)
        try:
            return dialled.socket, WebSocket(dialled.socket, dialled.url, dialled.headers, _PROTOCOLS, patience.check)
        except Refused as refused:
            dialled.socket.close()
            if refused.status != _UNAUTHORIZED:
                raise failures.refusal(patience.what, refused.status, refused.body) from None
            if not connection.settings.credential.renew(dialled.presented):
                raise failures.unauthorized(patience.what, connection.settings.context) from None
        except BaseException as error:
            dialled.socket.close()
            if isinstance(error, (OSError, WebSocketException)):
                raise _broken(patience.what, error) from error
            raise


class _Patience:
    """How long a conversation may go on."""

    def __init__(self, connection: Connection, what: str, timeout: float) -> None:
        self.what = what
        self._connection = connection
        self._timeout = timeout
        self._deadline = connection.clock.monotonic() + timeout
        self._until = math.inf  # once the command has ended: when nothing more is waited for

    def check(self) -> None:
        self._connection.cancel.check()
        now = self._connection.clock.monotonic()
        if now > self._until:
            raise TimeoutError
        if self._until == math.inf and now > self._deadline:
            why = f"it did not end in {self._timeout:g} s"
            raise ClusterError(self.what, why=why, next="Give it more time, or look at the pod.")

    def has_ended(self) -> None:
        self._until = self._connection.clock.monotonic() + _AFTERWARDS


def _input_messages(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for data in pieces:
        for start in range(0, len(data), _PIECE):
            yield _INPUT + data[start : start + _PIECE]


def _broken(what: str, why: object) -> ClusterError:
    return ClusterError(what, why=f"the connection broke: {why}", next="Look at the pod, and try again.")


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
