"""The controller's small HTTP server: /metrics, /healthz, /readyz.

One thread serves all connections, so that slow clients cost a connection and no thread. Each connection has a few seconds in
all, whatever its client does, and if there are too many the oldest gives way: a probe is answered while others dawdle.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import io
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

_CONNECTIONS = 64
_HEAD_LIMIT = 16 * 1024
_PLAIN = "text/plain; charset=utf-8"


class Request(NamedTuple):
    path: str  # without what follows a `?`
    accept: str


class Answer(NamedTuple):
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = _PLAIN


def verdict(why_not: str) -> Answer:
    """What a probe is told: 200 if there is no reason why not."""
    return Answer(f"{why_not or 'ok'}\n".encode(), HTTPStatus.SERVICE_UNAVAILABLE if why_not else HTTPStatus.OK)


class HttpServer:
    """Serves from `start` to `stop`. `routes` are called in the server's thread; one that raises answers 500."""

    def __init__(
        self,
        routes: dict[str, Callable[[Request], Answer]],
        *,
        host: str = "",
        port: int = 8080,
        seconds: float = 10.0,
    ) -> None:
        """Without a host it listens on all addresses; port 0 takes a free one. A connection has `seconds` in all."""
        self._routes = routes
        self._address = (host, port)
        self._seconds = seconds
        self._connections: dict[asyncio.Task[None], None] = {}  # oldest first
        self._thread = threading.Thread(target=self._run, name="holdfast-http", daemon=True)
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self.port = port

    def start(self) -> None:
        """Returns when it listens. Raises OSError if it cannot."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends at once, and cuts off whoever is still being served."""
        if self._loop is not None and self._end is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        with _listen(*self._address) as listening:
            await self._serve_on(listening)

    async def _serve_on(self, listening: socket.socket) -> None:
        server = await asyncio.start_server(self._accept, sock=listening, limit=_HEAD_LIMIT)
        self.port = listening.getsockname()[1]
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._end.wait()
        server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        if len(self._connections) >= _CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.cancel()
        self._connections[connection] = None
        try:
            async with asyncio.timeout(self._seconds):
                await self._answer(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError, asyncio.LimitOverrunError, http.client.HTTPException):
            pass  # too slow, gone, no HTTP, or the end of the server
        finally:
            writer.transport.abort()  # at most what the client did not take is lost
            self._connections.pop(connection, None)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        method, _, target = first.decode("latin-1").partition(" ")
        headers = http.client.parse_headers(io.BytesIO(rest))
        path = target.partition(" ")[0].partition("?")[0]
        answer = self._find(method, Request(path, headers.get("Accept", "")))
        body, encoding = answer.body, ""
        if "gzip" in headers.get("Accept-Encoding", "") and len(body) > _HEAD_LIMIT:
            body, encoding = gzip.compress(body, compresslevel=1), "Content-Encoding: gzip\r\n"
        head = (
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{encoding}Connection: close\r\n\r\n"
        )
        writer.write(head.encode() + (b"" if method == "HEAD" else body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _find(self, method: str, request: Request) -> Answer:
        if method not in ("GET", "HEAD"):
            return Answer(b"only GET and HEAD\n", HTTPStatus.METHOD_NOT_ALLOWED)
        route = self._routes.get(request.path)
        if route is None:
            known = " ".join(sorted(self._routes))
            return Answer(f"there is only {known}\n".encode(), HTTPStatus.NOT_FOUND)
        try:
            return route(request)
        except Exception as error:  # noqa: BLE001 - a probe is to be answered whatever is wrong with the metrics
            return Answer(f"{type(error).__name__}\n".encode(), HTTPStatus.INTERNAL_SERVER_ERROR)


def _listen(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # the machine may know IPv6 and have none
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((host, port))
