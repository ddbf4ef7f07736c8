"""Requests to one API server: raw bytes in and out, with credentials, retries and errors in words.

Knows nothing of kinds and objects. Asks for no compression: on a cluster's own network gzip costs more than it saves
(docs/decisions/0003-kubernetes-client.md).
"""

from __future__ import annotations

import contextlib
import http.client
import math
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

import urllib3

from holdfast.cluster import failures, retry
from holdfast.cluster.credentials import ClientCertificate, Presented
from holdfast.cluster.settings import ConnectionSettings
from holdfast.cluster.streaming import Stream
from holdfast.cluster.transport import Response, Transport, TransportError
from holdfast.errors import ClusterError
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock, SystemClock
from holdfast.version import VERSION

JSON = "application/json"
Query = Mapping[str, str] | Sequence[tuple[str, str]]

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_READINESS = "/readyz"  # everybody may read it, by a role that every cluster has


class Dialled(NamedTuple):
    """An open connection for a WebSocket."""

    socket: socket.socket
    url: str
    headers: list[tuple[str, str]]
    presented: Presented


class Connection:
    """Keep-alive connections to one API server, for up to `pool_size` threads at once; more threads wait."""

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        cancel: Cancel,
        pool_size: int = 16,
        clock: Clock | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Opens nothing yet. `sleep` makes the pauses between tries; by default they end early when cancelled."""
        self.settings = settings
        self.cancel = cancel
        self.clock = clock or SystemClock()
        self.sleep = sleep or cancel.wait
        self._pool_size = pool_size
        self._headers = _common_headers(settings)
        self._lock = threading.Lock()
        self._transport: Transport | None = None  # None until the first request
        self._answered = False  # whether the server has ever answered
        self._lost = -math.inf  # when a connection failed last; see _give_time_to_start

    def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes | None = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        expect: Collection[int] = (),
        repeatable: bool | None = None,
        what: str = "",
    ) -> Response:
        """Sends a request, again where that is safe and may help, and returns the answer.

        `path` is percent-encoded already. `expect` are statuses of 300 and above that are answers, not errors.
        `repeatable`: carrying the request out twice does no harm (None: true for GET only). `what` is how an error's
        text begins. Raises ClusterUnreachable, ApiRefused, Cancelled, and what the credential raises.
        """
        target = _target(path, query)
        what = what or f"{method} {path}"
        repeatable = method == "GET" if repeatable is None else repeatable
        extra = {"Accept": accept} if body is None else {"Accept": accept, "Content-Type": content_type}
        renewed = False
        attempt = 0
        while True:
            self.cancel.check()
            attempt += 1
            doubtful = self.clock.monotonic() - self._lost < retry.DOUBTFUL_SECONDS
            presented = self.settings.credential.current()
            try:
                answer = self._send(presented, method, target, body, extra)
            except TransportError as error:
                self._lost = self.clock.monotonic()
                pause = self._pause_after(error, attempt, repeatable=repeatable)
                if pause is None:
                    raise failures.unreachable(error.cause, self.settings) from error.cause
            else:
                if answer.status < 300 or answer.status in expect:
                    return answer
                if answer.status == _UNAUTHORIZED and not renewed and self.settings.credential.renew(presented):
                    renewed = True
                    continue
                if answer.status == _FORBIDDEN and doubtful and attempt < retry.ATTEMPTS:
                    self._give_time_to_start(presented, attempt)
                    continue
                pause = self._pause_or_raise(answer, presented, attempt, repeatable=repeatable, what=what)
            self.sleep(pause)

    @contextlib.contextmanager
    def stream(
        self, path: str, query: Query, *, silence: float, go_on: Callable[[], None], what: str
    ) -> Iterator[Iterator[bytes]]:
        """The lines of an answer, while the server writes them, on a connection of its own; one try.

        `silence` is how many seconds the server may say nothing, `go_on` is called several times a second and raises what is to
        end the reading. Raises as `request` does, ClusterUnreachable too when the answer breaks off, ClusterError for a line
        that is too long.
        """
        stream = self._opened(_target(path, query), silence, go_on, what)
        try:
            yield self._lines(stream, what)
        finally:
            stream.close()

    def dial(self, path: str) -> Dialled:
        """A connection of the caller's own, with what a request on it must show. Raises ClusterUnreachable, Cancelled, and what
        the credential raises.
        """
        self.cancel.check()
        presented = self.settings.credential.current()
        try:
            opened, address = self._transport_for(presented.certificate).dial()
        except TransportError as error:
            raise failures.unreachable(error.cause, self.settings) from error.cause
        headers = list(self._headers.iteritems())
        if presented.authorization:
            headers.append(("Authorization", presented.authorization))
        return Dialled(opened, f"{address}{path}", headers, presented)

    def apart(self, cancel: Cancel) -> Connection:
        """Another one to the same server with a cancel of its own: for what must be done after a stop was asked for."""
        return Connection(self.settings, cancel=cancel, pool_size=self._pool_size, clock=self.clock)

    def close(self) -> None:
        """Gives back all connections. The object is not used afterwards."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()

    def _opened(
        self, target: str, silence: float, go_on: Callable[[], None], what: str, *, renewed: bool = False
    ) -> Stream:
        self.cancel.check()
        presented = self.settings.credential.current()
        headers = self._headers_with(presented, {"Accept": JSON})
        try:
            stream = self._transport_for(presented.certificate).stream(target, headers, silence=silence, go_on=go_on)
        except TransportError as error:
            self._lost = self.clock.monotonic()
            raise failures.unreachable(error.cause, self.settings) from error.cause
        self._answered = True
        if stream.status < 300:
            return stream
        body = stream.refusal()
        stream.close()
        if stream.status == _UNAUTHORIZED:
            if renewed or not self.settings.credential.renew(presented):
                raise failures.unauthorized(what, self.settings.context)
            return self._opened(target, silence, go_on, what, renewed=True)
        advice = failures.retry_after(stream.headers.get("Retry-After"), body, self.clock.now())
        raise failures.refusal(what, stream.status, body, wait=advice, authorization=presented.authorization)

    def _lines(self, stream: Stream, what: str) -> Iterator[bytes]:
        try:
            yield from stream.lines()
        except (OSError, http.client.HTTPException) as error:
            self._lost = self.clock.monotonic()
            raise failures.unreachable(error, self.settings) from error
        except ValueError as error:
            raise ClusterError(what, why=str(error)) from None

    def _send(
        self, presented: Presented, method: str, target: str, body: bytes | None, extra: Mapping[str, str]
    ) -> Response:
        headers = self._headers_with(presented, extra)
        answer = self._transport_for(presented.certificate).send(method, target, body, headers)
        self._answered = True
        return answer

    def _headers_with(self, presented: Presented, extra: Mapping[str, str]) -> urllib3.HTTPHeaderDict:
        headers = self._headers.copy()
        headers.update(extra)
        if presented.authorization:
            headers["Authorization"] = presented.authorization
        return headers

    def _transport_for(self, certificate: ClientCertificate | None) -> Transport:
        transport = self._transport
        if transport is not None and transport.certificate is certificate:
            return transport
        with self._lock:
            if self._transport is None or self._transport.certificate != certificate:
                former = self._transport
                self._transport = Transport(self.settings, certificate, pool_size=self._pool_size, clock=self.clock)
                if former is not None:
                    former.close()
            return self._transport

    def _give_time_to_start(self, presented: Presented, attempt: int) -> None:
        """Pauses if a server that was away is not ready; otherwise its next refusal is believed.

        Until it is, it refuses everybody, this question too, because it has not read yet who has which rights.
        """
        try:
            status = self._send(presented, "GET", _READINESS, None, {"Accept": "*/*"}).status
        except TransportError:
            status = _FORBIDDEN
        is_starting = status == _FORBIDDEN or status in retry.SERVER_ERRORS
        if is_starting:
            self.sleep(retry.backoff(attempt))
        if not is_starting or attempt == retry.ATTEMPTS - 1:
            self._lost = -math.inf

    def _pause_after(self, error: TransportError, attempt: int, *, repeatable: bool) -> float | None:
        if failures.hopeless(error.cause):
            return None
        # A server that took a minute and a half to say nothing is not given eight of these.
        patient = self._answered and not (error.sent and isinstance(error.cause, TimeoutError))
        return retry.pause_after_failure(attempt, sent=error.sent, repeatable=repeatable, patient=patient)

    def _pause_or_raise(
        self, answer: Response, presented: Presented, attempt: int, *, repeatable: bool, what: str
    ) -> float:
        if answer.status == _UNAUTHORIZED:
            raise failures.unauthorized(what, self.settings.context)
        advice = failures.retry_after(answer.headers.get("Retry-After"), answer.body, self.clock.now())
        pause = retry.pause_after_answer(answer.status, advice, attempt, repeatable=repeatable)
        if pause is None:
            raise failures.refusal(what, answer.status, answer.body, wait=advice, authorization=presented.authorization)
        return pause


def _target(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _common_headers(settings: ConnectionSettings) -> urllib3.HTTPHeaderDict:
    headers = urllib3.HTTPHeaderDict({"User-Agent": f"holdfast/{VERSION}"})
    impersonation = settings.impersonation
    if impersonation is not None:
        headers["Impersonate-User"] = impersonation.user
        if impersonation.uid:
            headers["Impersonate-Uid"] = impersonation.uid
        for group in impersonation.groups:
            headers.add("Impersonate-Group", group)
        for name, values in impersonation.extra.items():
            for value in values:
                headers.add(f"Impersonate-Extra-{quote(name.lower(), safe='')}", value)
    return headers
