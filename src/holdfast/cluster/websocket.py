"""One WebSocket to an API server, on a connection of our own: TLS, proxies and credentials are those of every other request.

The library `websockets` speaks the protocol and touches no socket (docs/decisions/0024-exec-over-websocket.md).
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

_LARGEST_MESSAGE = 16 << 20  # bytes
_PIECE = 64 << 10
_LOOK = 0.25  # seconds between two looks at whether to go on
_LOOKS_UNTIL_PING = 80  # without a word from the server: gateways end connections on which nothing happens


class Refused(Exception):
    """The server answered with another status than 101."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class WebSocket:
    """Opened by the constructor. `go_on` is called now and then, and raises what is to end the conversation."""

    def __init__(
        self,
        connection: socket.socket,
        url: str,
        headers: Iterable[tuple[str, str]],
        subprotocols: Sequence[str],
        go_on: Callable[[], None],
    ) -> None:
        """Raises Refused, OSError, WebSocketException and what `go_on` raises."""
        self._socket = connection
        self._go_on = go_on
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._unsent = bytearray()
        names = [Subprotocol(name) for name in subprotocols]
        self._protocol = ClientProtocol(parse_uri(url), subprotocols=names, max_size=_LARGEST_MESSAGE)
        self._events: deque[Request | Response | Frame] = deque()
        self._partial = bytearray()
        request = self._protocol.connect()
        for name, value in headers:
            request.headers[name] = value  # adds one
        self._protocol.send_request(request)
        self._flush()
        self._handshake()

    def messages(self, outgoing: Iterator[bytes] | None = None) -> Iterator[bytes]:
        """What the server says until it ends the conversation; meanwhile it is sent what `outgoing` gives, as it takes it.

        Raises OSError, WebSocketException and what `go_on` and `outgoing` raise.
        """
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
                    self._partial += event.data
                    if event.fin:
                        yield bytes(self._partial)
                        self._partial.clear()
            if not self._receive(outgoing):
                return

    def _handshake(self) -> None:
        while not self._events and self._protocol.handshake_exc is None and self._receive():
            pass
        failure = self._protocol.handshake_exc
        if isinstance(failure, InvalidStatus):
            raise Refused(failure.response.status_code, bytes(failure.response.body or b""))
        if failure is not None:
            raise failure
        if not self._events:
            raise ConnectionResetError("it closed the connection without an answer")
        self._events.popleft()  # the answer itself

    def _receive(self, outgoing: Iterator[bytes] | None = None) -> bool:
        """Waits for more; False at the end of the conversation."""
        looks = 0
        while True:
            self._go_on()
            if not self._look(may_send=self._refill(outgoing)):
                looks += 1
                if looks % _LOOKS_UNTIL_PING == 0:
                    self._protocol.send_ping(b"")
                    self._flush()
                continue
            self._send_some()
            try:
                data = self._socket.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._events.extend(self._protocol.events_received())
            self._flush()
            return bool(data)

    def _refill(self, outgoing: Iterator[bytes] | None) -> bool:
        """One message more when the last one is gone, so that no more than one waits here; False if there is none."""
        if self._unsent:
            return True
        message = None if outgoing is None else next(outgoing, None)
        if message is None:
            return False
        self._protocol.send_binary(message)
        self._flush()
        return True

    def _look(self, *, may_send: bool) -> bool:
        """Whether something can be read, or written if that is asked for, within `_LOOK`."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        self._poll.register(self._socket, select.POLLIN | (select.POLLOUT if may_send else 0))
        return bool(self._poll.poll(_LOOK * 1000))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._unsent += data
        self._send_some()

    def _send_some(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass  # the rest goes when the server takes it


__all__ = ["Refused", "WebSocket", "WebSocketException"]
