"""An answer that is read line by line while the server is still writing it, as that to a watch.

http.client reads it, from a file of ours: a socket's own file cannot be read any more after a time-out, and a reader that has to
notice a stop looks up several times a second.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.model.clock import Clock

LONGEST_LINE = 16 << 20  # bytes; etcd holds objects of 1.5 MiB, whose JSON may be six times as long
_PIECE = 64 << 10  # bytes
_LONGEST_REFUSAL = 64 << 10  # bytes
_LOOK = 0.25  # seconds between two looks at whether to go on


class Patience:
    """How long a reader waits: until `go_on` raises, or TimeoutError after `silence` seconds without a byte."""

    def __init__(self, go_on: Callable[[], None], silence: float, clock: Clock) -> None:
        self.silence = silence
        self._go_on = go_on
        self._clock = clock

    def response(self, connection: socket.socket, *arguments: Any, **options: Any) -> http.client.HTTPResponse:
        """For http.client's `response_class`."""
        return http.client.HTTPResponse(_Patient(connection, self), *arguments, **options)  # type: ignore[arg-type]

    def receive(self, connection: socket.socket, buffer: memoryview) -> int:
        heard = self._clock.monotonic()
        while True:
            self._go_on()
            try:
                return connection.recv_into(buffer)
            except (TimeoutError, ssl.SSLWantReadError):
                if self._clock.monotonic() - heard > self.silence:
                    raise


class Stream:
    """Belongs to its caller, who closes it. Not for several threads."""

    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._connection = connection
        self._answer = answer

    def refusal(self) -> bytes:
        """The beginning of the body, for an answer that is an error. "" if it breaks off."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._answer.read(_LONGEST_REFUSAL)
        return b""

    def lines(self) -> Iterator[bytes]:
        """Each without its newline, until the server ends the answer; half a line at the end is not given.

        Raises OSError and HTTPException if the connection breaks, ValueError for a line that is too long, and what the reader's
        `go_on` raises.
        """
        begun: list[bytes] = []  # pieces of a line whose end is still to come
        length = 0
        while piece := self._answer.read1(_PIECE):
            *ends, rest = piece.split(b"\n")
            for end in ends:
                yield b"".join((*begun, end))
                begun, length = [], 0
            if rest:
                begun.append(rest)
                length += len(rest)
            if length > LONGEST_LINE:
                raise ValueError(f"a line is longer than {LONGEST_LINE} bytes")

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


class _Patient(io.RawIOBase):
    """A socket, as far as an HTTPResponse uses one."""

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        connection.settimeout(_LOOK)
        self._socket = connection
        self._patience = patience
        self._kept = connection.makefile(
            "rb", buffering=0
        )  # http.client may close the connection before its answer ends

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._patience.receive(self._socket, memoryview(buffer))

    def close(self) -> None:
        self._kept.close()
        super().close()
