"""A few JSON requests to an API server: enough to set a cluster up, no more. Tests of the product use the product."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from testbed.certificates import Certificate
from testbed.errors import ApiFailed

JsonObject = dict[str, Any]


class Api:
    """Thread-safe: every request has a connection of its own."""

    def __init__(self, url: str, authority: Path, certificate: Path, key: Path) -> None:
        self._url = url
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def request(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        """The answer as JSON. ApiFailed if the server says no; OSError if it cannot be reached."""
        request = urllib.request.Request(self._url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=30) as answer:
                content: JsonObject = json.load(answer)
                return content
        except urllib.error.HTTPError as refusal:
            with refusal:
                why = refusal.read(2000).decode(errors="replace")
            raise ApiFailed(f"{method} {path} got {refusal.code}", status=refusal.code, why=why) from None

    def create(self, path: str, body: JsonObject) -> JsonObject:
        """`body` as a new object of the collection `path`."""
        return self.request("POST", path, body)

    def exists(self, path: str) -> bool:
        """Whether a GET succeeds; no, too, while the server is not up."""
        try:
            self.request("GET", path)
        except (ApiFailed, OSError):
            return False
        return True

    def healthy(self) -> bool:
        """Whether all of the server's own readiness checks pass."""
        try:
            with self._opener.open(self._url + "/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def store_certificate(directory: Path, name: str, certificate: Certificate) -> tuple[Path, Path]:
    """Write `name`.crt and `name`.key, the key for the owner's eyes only; gives both paths."""
    certificate_file, key_file = directory / f"{name}.crt", directory / f"{name}.key"
    certificate_file.write_bytes(certificate.certificate)
    key_file.touch(mode=0o600)
    key_file.write_bytes(certificate.key)
    return certificate_file, key_file
