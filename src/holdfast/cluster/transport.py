"""Keep-alive connections to one API server, directly or through a proxy, and one try of one request or stream.

urllib3 makes the connections (TLS, host names, tunnels through proxies); the standard library's http.client, which they
derive from, speaks on them. urllib3's own pool and response objects would cost as much as all the rest of a request
(docs/decisions/0003-kubernetes-client.md). Nothing is tried twice here; `connection` does that.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from holdfast.cluster import tls
from holdfast.cluster.credentials import ClientCertificate
from holdfast.cluster.settings import ConnectionSettings
from holdfast.cluster.streaming import Patience, Stream
from holdfast.errors import KubeconfigInvalid
from holdfast.model.clock import Clock

_CONNECT_TIMEOUT = 10.0  # seconds, also for each step of a handshake
_ANSWER_TIMEOUT = 90.0  # between two pieces of an answer; API servers themselves give up on a request after 60 s
# API servers end a connection after 90 s without a request. A request that meets this on its way gets no answer, and
# then nobody knows whether it was carried out.
_IDLE_LIMIT = 45.0  # seconds
_PORTS = {"http": 80, "https": 443}
_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
if hasattr(socket, "TCP_KEEPIDLE"):  # a machine that was switched off is noticed after a minute
    _SOCKET_OPTIONS += [
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ]


class Response(NamedTuple):
    status: int
    headers: http.client.HTTPMessage  # their names in any case
    body: bytes


class TransportError(Exception):
    """No answer came. Its cause is the library's error; it does not leave this package."""

    def __init__(self, cause: Exception, *, sent: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.sent = sent  # whether the request may have reached the server


class _Exchange:
    """One request and its answer on a urllib3 connection."""

    _held: list[bytes] | None = None  # parts of a request; None while nothing is to be held back

    def exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        answer = self.ask(method, target, body, headers)
        return Response(answer.status, answer.headers, answer.read())

    def ask(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Sends the request; of the answer, only the head was read."""
        # http.client sends head and body one after the other. Held together they are one packet and one TLS record.
        self._held = []
        try:
            http.client.HTTPConnection.request(self, method, target, body, headers)  # type: ignore[arg-type]
            message = b"".join(self._held)
        finally:
            self._held = None
        # A server that hung up may have said why before: a refused client certificate, a body that is too large.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self.send(message)
        return http.client.HTTPConnection.getresponse(self)  # type: ignore[arg-type]

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data)


class _PlainConnection(_Exchange, HTTPConnection):
    pass


class _TlsConnection(_Exchange, HTTPSConnection):
    pass


_AnyConnection: TypeAlias = _PlainConnection | _TlsConnection


class Transport:
    """Thread-safe. One client certificate for its whole life: another one means other connections."""

    def __init__(
        self, settings: ConnectionSettings, certificate: ClientCertificate | None, *, pool_size: int, clock: Clock
    ) -> None:
        """Opens nothing yet. Raises KubeconfigInvalid if the address, a certificate or a key cannot be used."""
        self.certificate = certificate
        self._server = _parse(settings.server, "an API server")
        self._proxy = _parse(settings.proxy_url, "a proxy") if settings.proxy_url else None
        self._tls = tls.context(settings, certificate) if self._server.scheme == "https" else None
        self._tls_server_name = settings.tls_server_name or None
        # A proxy is told the whole address of a server without TLS; one with TLS is reached through a tunnel.
        origin = f"http://{self._server.netloc}" if self._proxy is not None and self._tls is None else ""
        self._prefix = origin + (self._server.path or "").rstrip("/")  # a server behind a gateway has a path
        self._slots = threading.BoundedSemaphore(pool_size)
        self._clock = clock
        self._idle: deque[tuple[_AnyConnection, float]] = deque()  # with when it was used; the last is taken first
        self._closed = False

    def send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Raises TransportError."""
        with self._slots:
            connection = self._connected()
            try:
                answer = connection.exchange(method, self._prefix + target, body, headers)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise TransportError(error, sent=True) from error
            except BaseException:
                connection.close()  # half a conversation cannot be continued
                raise
            if not connection.is_closed:  # http.client closes it if the server asked for that
                self._idle.append((connection, self._clock.monotonic()))
                if self._closed:
                    self.close()
            return answer

    def stream(self, target: str, headers: Mapping[str, str], *, silence: float, go_on: Callable[[], None]) -> Stream:
        """A GET on a connection of its own, whose answer is read while it is written.

        `silence` is how many seconds the server may say nothing, `go_on` raises what is to end the reading. Raises that, and
        TransportError.
        """
        connection = self._connect()
        patience = Patience(go_on, _ANSWER_TIMEOUT, self._clock)
        connection.response_class = patience.response  # type: ignore[assignment]
        try:
            answer = connection.ask("GET", self._prefix + target, None, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransportError(error, sent=True) from error
        except BaseException:
            connection.close()
            raise
        patience.silence = silence
        return Stream(connection, answer)

    def dial(self) -> tuple[socket.socket, str]:
        """A connection of the caller's own, for a conversation that is no request and answer, and the URL that paths go behind.

        Raises TransportError.
        """
        connection = self._connect()
        taken: socket.socket = connection.sock
        connection.sock = None
        scheme = "ws" if self._tls is None else "wss"
        return taken, f"{scheme}://{self._server.netloc}{(self._server.path or '').rstrip('/')}"

    def close(self) -> None:
        """Ends idle connections at once and busy ones after their answer."""
        self._closed = True
        while (idle := self._take_idle()) is not None:
            idle[0].close()

    def _take_idle(self) -> tuple[_AnyConnection, float] | None:
        try:
            return self._idle.pop()
        except IndexError:  # asking first whether there is one would be a race
            return None

    def _connected(self) -> _AnyConnection:
        while (idle := self._take_idle()) is not None:
            connection, used_at = idle
            if connection.is_connected and self._clock.monotonic() - used_at < _IDLE_LIMIT:
                return connection
            connection.close()
        return self._connect()

    def _connect(self) -> _AnyConnection:
        connection = self._new()
        try:
            connection.connect()
            connection.sock.settimeout(_ANSWER_TIMEOUT)
        except (OSError, HTTPError, http.client.HTTPException) as error:
            connection.close()
            raise TransportError(error, sent=False) from error
        return connection

    def _new(self) -> _AnyConnection:
        host, port = _host_and_port(self._server)
        options: dict[str, Any] = {"timeout": _CONNECT_TIMEOUT, "socket_options": _SOCKET_OPTIONS}
        first = host, port
        if self._proxy is not None:
            first = _host_and_port(self._proxy)
            options["proxy"] = self._proxy
            options["proxy_config"] = ProxyConfig(
                None, use_forwarding_for_https=False, assert_hostname=None, assert_fingerprint=None
            )
        if self._tls is None:
            return _PlainConnection(*first, **options)
        connection = _TlsConnection(*first, ssl_context=self._tls, server_hostname=self._tls_server_name, **options)
        if self._proxy is not None:
            authorization = urllib3.make_headers(proxy_basic_auth=self._proxy.auth) if self._proxy.auth else None
            connection.set_tunnel(host, port, authorization, scheme=self._proxy.scheme or "http")
        return connection


def _host_and_port(url: Url) -> tuple[str, int]:
    assert url.host is not None
    assert url.scheme is not None
    return url.host.strip("[]"), url.port or _PORTS[url.scheme]


def _parse(text: str, meaning: str) -> Url:
    try:
        url = parse_url(text)
    except LocationParseError:
        url = Url()
    if url.scheme not in _PORTS or not url.host:
        # Without the text, which may hold a proxy's password.
        raise KubeconfigInvalid(f"the kubeconfig's address of {meaning} is no http or https URL")
    return url
