"""The edge where the HTTP library's errors and the API server's answers become Holdfast's errors.

Texts hold no header of ours and no
request body; bodies that are not Kubernetes Status objects may come from anything between us and the server, so they
are cut short.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import os
import ssl
from http.client import IncompleteRead, RemoteDisconnected

import msgspec
import urllib3.exceptions as http

from holdfast.cluster import tls
from holdfast.cluster.settings import ConnectionSettings
from holdfast.errors import ApiRefused, ClusterUnreachable

_FOREIGN_BODY_SHOWN = 256
_MESSAGE_SHOWN = 2000  # the server quotes whole values of fields that it finds invalid

_NEXT = {
    "AlreadyExists": "Choose another name, or another --on-conflict.",
    "Conflict": "Somebody else changed the object meanwhile; try again.",
    "Forbidden": "Give the account this right (RBAC), or leave the kind out.",
    "Expired": "Try again.",
    "Invalid": "This API server does not accept the object as it is; leave it out, or change it first.",
    "TooManyRequests": "The API server is overloaded; try again later.",
}
_ADMISSION_NEXT = (
    "A rule of this cluster refuses the object (quota, limits, policy): change the rule or leave the object out."
)
_OTHER_NEXT = "The API server's log says more."
_UNAUTHORIZED_NEXT = "Log in to the cluster again, or renew the credential in the kubeconfig."


class _Cause(msgspec.Struct):
    field: str = ""
    message: str = ""


class _Details(msgspec.Struct, rename="camel"):
    name: str = ""
    causes: list[_Cause] | None = None
    retry_after_seconds: float = 0


class Status(msgspec.Struct):
    """Kubernetes' own error object, as far as we read it."""

    kind: str
    message: str = ""
    reason: str = ""
    details: _Details | None = None

    @classmethod
    def parse(cls, body: bytes) -> Status | None:
        """None if the body is something else."""
        try:
            status = _STATUS.decode(body)
        except msgspec.MsgspecError:
            return None
        return status if status.kind == "Status" else None

    @property
    def names_missing_object(self) -> bool:
        """A 404 for an object. A 404 for a kind that is not served names no object."""
        return self.reason == "NotFound" and self.details is not None and bool(self.details.name)


_STATUS = msgspec.json.Decoder(Status)


def retry_after(header: str | None, body: bytes, now: dt.datetime) -> float | None:
    """Seconds that the server asks us to wait: from the header (a number or a date) or the Status; else None."""
    if header:
        try:
            return max(0.0, float(header))
        except ValueError:
            pass
        try:
            return max(0.0, (email.utils.parsedate_to_datetime(header) - now).total_seconds())
        except (ValueError, TypeError):  # TypeError: a date without a time zone
            pass
    status = Status.parse(body)
    return (status and status.details and status.details.retry_after_seconds) or None


def refusal(what: str, code: int, body: bytes, *, wait: float | None = None, authorization: str = "") -> ApiRefused:
    """An answer with an error status → ApiRefused.

    `what` is what was tried: "cannot create configmaps in shop". `authorization` is the header that was sent; a gateway
    that repeats it in its answer must not bring it into a log.
    """
    status = Status.parse(body)
    if status is None:
        text = " ".join(body.decode("utf-8", "replace").split())
        if authorization:
            text = text.replace(authorization.partition(" ")[2], "***")
        why = f"HTTP {code}" + (f": {_cut(text, _FOREIGN_BODY_SHOWN)}" if text else "")
        return ApiRefused(what, status=code, reason="", why=why, next=_OTHER_NEXT, retry_after=wait)
    causes = (status.details and status.details.causes) or []
    return ApiRefused(
        what,
        status=code,
        reason=status.reason,
        why=_cut(status.message, _MESSAGE_SHOWN) or f"HTTP {code} {status.reason}".rstrip(),
        next=_advice(status),
        causes=tuple((cause.field, _cut(cause.message, _MESSAGE_SHOWN)) for cause in causes),
        retry_after=wait,
    )


def _advice(status: Status) -> str:
    """Quotas, limits and policies refuse with the reason of a missing right; only the authorizer names the user."""
    if status.reason == "Forbidden" and not ('User "' in status.message and " cannot " in status.message):
        return _ADMISSION_NEXT
    return _NEXT.get(status.reason, _OTHER_NEXT)


def unauthorized(what: str, context: str) -> ApiRefused:
    """A 401 that stays one with a renewed credential. The server says no more than that, so neither do we."""
    whose = f"of the context {context}" if context else "of this pod's service account"
    return ApiRefused(
        what,
        status=401,
        reason="Unauthorized",
        why=f"the API server does not accept the credential {whose}: it has expired, was revoked, or is another cluster's",
        next=_UNAUTHORIZED_NEXT,
    )


def hopeless(error: Exception) -> bool:
    """Whether trying again cannot help: certificates and names do not mend themselves."""
    if isinstance(error, http.NameResolutionError):
        return True
    cause = _tls_error(error)
    return cause is not None and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def unreachable(error: Exception, settings: ConnectionSettings) -> ClusterUnreachable:
    """What urllib3, http.client or a socket raised, in words."""
    why, advice = _explain(error, settings)
    return ClusterUnreachable(f"cannot reach the API server {settings.server}", why=why, next=advice)


def _explain(error: Exception, settings: ConnectionSettings) -> tuple[str, str]:
    if (tls_error := _tls_error(error)) is not None:
        return tls.explain(tls_error, settings)
    if str(error).startswith("Tunnel connection failed"):  # http.client knows no class of its own for it
        return f"the proxy did not connect us: {str(error)[:256]}", "Check proxy-url or HTTPS_PROXY."
    whose = " (through the proxy)" if settings.proxy_url else ""
    for kind, why, advice in _EXPLANATIONS:
        if type(error) is kind:  # urllib3 derives its error for a refused connection from the one for a timeout
            return why + whose, advice
    # Refused, no route and the like: the system's own words, from the error itself or from what made urllib3 raise it.
    number = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
    return (os.strerror(number).lower() if number else f"{type(error).__name__}: {str(error)[:256]}") + whose, ""


_EXPLANATIONS: tuple[tuple[type[Exception], str, str], ...] = (
    (http.NameResolutionError, "its name cannot be resolved", "Check the server address in the kubeconfig, and DNS."),
    (http.ConnectTimeoutError, "nothing answers at its address", "Check the server's address, routes and firewalls."),
    (TimeoutError, "it did not answer in time", ""),
    (RemoteDisconnected, "it closed the connection without an answer", ""),
    (IncompleteRead, "it closed the connection in the middle of its answer", ""),
)


def _tls_error(error: Exception) -> ssl.SSLError | None:
    """The handshake's own error, which urllib3 wraps in some cases."""
    inner = error.args[0] if isinstance(error, http.SSLError) and error.args else error
    return inner if isinstance(inner, ssl.SSLError) else None


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
