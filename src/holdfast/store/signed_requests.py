"""Requests to an S3 bucket that obstore has no call for, signed by AWS Signature Version 4.

Only what `holdfast.store.access` asks: small, seldom, not tried twice. Tested with the example of Amazon's manual
(https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html) and against two servers.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from holdfast.errors import StoreUnavailable

_LONGEST_ANSWER = 65536


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: str


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    access_key: str
    secret_key: str
    session_token: str
    region: str

    def headers(
        self, method: str, path: str, query: str, extra: Mapping[str, str], *, digest: str, now: dt.datetime
    ) -> dict[str, str]:
        """`extra`, which must name the host, with a date and the signature. `path` and `query` are encoded already."""
        moment = f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
        signed = {name.lower(): value for name, value in extra.items()}
        signed |= {"x-amz-date": moment, "x-amz-content-sha256": digest}
        if self.session_token:
            signed["x-amz-security-token"] = self.session_token
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"Credential={self.access_key}/{scope}"
        signed["authorization"] = f"AWS4-HMAC-SHA256 {credential},SignedHeaders={names},Signature={key.hex()}"
        return signed


class SignedRequests:
    """To one bucket, addressed by path. `certificates` in PEM format are trusted besides the system's own."""

    def __init__(
        self, host: str, bucket: str, signer: Signer, *, tls: bool, certificates: bytes | None, timeout: float
    ) -> None:
        self._host = host
        self._bucket = bucket
        self._signer = signer
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.create_default_context()
            if certificates is not None:
                self._tls.load_verify_locations(cadata=certificates.decode("ascii", "replace"))

    def send(
        self,
        method: str,
        key: str = "",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        digest: str = "",
    ) -> Answer:
        """`digest` is what is said to be the SHA-256 of the body; by default it is. Raises StoreUnavailable without an answer."""
        path = quote("/" + "/".join(part for part in (self._bucket, key) if part), safe="/-_.~")
        given = {"host": self._host, **(headers or {})}
        signed = self._signer.headers(
            method,
            path,
            query,
            given,
            digest=digest or hashlib.sha256(body).hexdigest(),
            now=dt.datetime.now(dt.UTC),
        )
        try:
            with contextlib.closing(self._connection()) as connection:
                connection.request(method, f"{path}?{query}" if query else path, body, signed)
                answer = connection.getresponse()
                text = answer.read(_LONGEST_ANSWER).decode("utf-8", "replace")
                return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        except (OSError, http.client.HTTPException) as error:
            raise StoreUnavailable(
                f"cannot ask {self._host} about the bucket {self._bucket}", why=str(error)[:200]
            ) from error

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, timeout=self._timeout, context=self._tls)
