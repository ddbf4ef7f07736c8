"""Who we are towards an API server: fixed credentials and token files. Plugins are in `exec_plugin`.

A connection asks `current()` before each request and `renew()` once after a 401. Both are called by many threads.
No class here shows a secret in its repr, and no error text holds one.
"""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from holdfast.errors import KubeconfigInvalid
from holdfast.model.clock import Clock, SystemClock

TOKEN_FILE_MAX_AGE = 60.0  # seconds; the kubelet renews a pod's token long before it expires, client-go reads as often


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    chain: bytes  # PEM
    key: bytes = field(repr=False)  # PEM


@dataclass(frozen=True, slots=True)
class Presented:
    """What goes along with one request."""

    authorization: str = field(default="", repr=False)  # the header's value; "" sends none
    certificate: ClientCertificate | None = None


class Credential(Protocol):
    def current(self) -> Presented:
        """What to present now. Raises ClusterError or KubeconfigInvalid if it cannot be had."""
        ...

    def renew(self, refused: Presented) -> bool:
        """The server did not accept `refused`. True if `current()` has something else to offer from now on."""
        ...


def header_value(text: str, meaning: str) -> str:
    """`text` if it can be sent as an HTTP header. Raises KubeconfigInvalid without showing it: it may be a secret."""
    if not text or not text.isascii() or not text.isprintable():
        raise KubeconfigInvalid(
            f"the {meaning} for the API server is not usable",
            why="it is empty or holds line breaks, control characters or letters outside ASCII",
            next="Look for a broken copy of it in the kubeconfig, its file or its plugin.",
        )
    return text


def bearer(token: str) -> str:
    """The Authorization header for a token. Raises KubeconfigInvalid if it cannot be one."""
    return f"Bearer {header_value(token.strip(), 'token')}"


def basic(username: str, password: str) -> str:
    """The Authorization header for a user name and password."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A token, a password or a client certificate that stays as it is."""

    presented: Presented

    def current(self) -> Presented:
        return self.presented

    def renew(self, refused: Presented) -> bool:  # noqa: ARG002 - there is only one thing to offer
        return False


ANONYMOUS = Fixed(Presented())


class TokenFile:
    """A token in a file that something else renews, such as a pod's service-account token."""

    def __init__(self, path: Path, certificate: ClientCertificate | None = None, *, clock: Clock | None = None) -> None:
        self._path = path
        self._certificate = certificate
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._presented: Presented | None = None  # None until the file was read once
        self._read_at = 0.0

    def current(self) -> Presented:
        with self._lock:
            if self._presented is None or self._clock.monotonic() - self._read_at >= TOKEN_FILE_MAX_AGE:
                self._read()
            assert self._presented is not None
            return self._presented

    def renew(self, refused: Presented) -> bool:
        with self._lock:
            self._read()
            return self._presented != refused

    def _read(self) -> None:
        try:
            token = self._path.read_text(encoding="utf-8")
            presented = Presented(bearer(token), self._certificate)
        except (OSError, UnicodeDecodeError, KubeconfigInvalid) as error:
            # A file that is just being replaced must not end a run; the token we have may well be good for longer.
            if self._presented is None:
                why = (
                    error.why if isinstance(error, KubeconfigInvalid) else getattr(error, "strerror", "") or "not text"
                )
                raise KubeconfigInvalid(f"cannot read the token file {self._path}", why=why) from None
        else:
            self._presented = presented
        self._read_at = self._clock.monotonic()
