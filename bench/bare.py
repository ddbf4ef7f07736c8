"""Bare requests to an API server: the peer that Holdfast is compared with, and the way to set its objects up.

The standard library's http.client on kept-alive connections, the same account as Holdfast, nothing done with the answers.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import ssl
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from bench.sample import FIELD_MANAGER, Sample

PAGE = 500
THREADS = 16
"""As many as a restore has."""


class RequestRefused(Exception):
    """The server answered with an error."""


class BareApi:
    """Requests of one account. Thread-safe: each thread has a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._address = urlsplit(cluster["server"]).netloc
        self._tls = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
        with tempfile.NamedTemporaryFile("w") as pem:  # the only form in which ssl takes a key
            pem.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
            pem.flush()
            self._tls.load_cert_chain(pem.name)
        self._own = threading.local()

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """(status, answer)"""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPSConnection(self._address, context=self._tls)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Gives back the calling thread's connection."""
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            del self._own.connection

    def create_namespace(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._expect(201, *self.request("POST", "/api/v1/namespaces", json.dumps(body).encode()))

    def delete_namespace(self, name: str) -> None:
        """Returns when it is gone."""
        self._expect(200, *self.request("DELETE", f"/api/v1/namespaces/{name}"))
        while self.request("GET", f"/api/v1/namespaces/{name}")[0] != 404:
            time.sleep(0.2)

    def list_all(self, namespace: str) -> tuple[int, int]:
        """Lists both kinds page by page; (objects, bytes of the answers). Decodes only what leads to the next page."""
        objects = size = 0
        for plural in ("configmaps", "secrets"):
            token = ""
            while True:
                after = f"&continue={token}" if token else ""
                path = f"/api/v1/namespaces/{namespace}/{plural}?limit={PAGE}{after}"
                status, answer = self.request("GET", path)
                self._expect(200, status, answer)
                size += len(answer)
                objects += answer.count(b'"resourceVersion"') - 1
                token = _next_page(answer)
                if not token:
                    break
        return objects, size

    def create_all(self, samples: Iterable[Sample]) -> float:
        """POSTs objects from THREADS threads; the seconds that took, encoding them not counted."""
        waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        for sample in samples:
            namespace = sample.body["metadata"]["namespace"]
            version = sample.body["apiVersion"]
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            path = f"{root}/namespaces/{namespace}/{sample.plural}?fieldManager={FIELD_MANAGER}"
            waiting.put((path, json.dumps(sample.body).encode()))
        failures: list[Exception] = []
        threads = [threading.Thread(target=self._create_waiting, args=(waiting, failures)) for _ in range(THREADS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - started
        if failures:
            raise failures[0]
        return took

    def _create_waiting(self, waiting: queue.SimpleQueue[tuple[str, bytes]], failures: list[Exception]) -> None:
        try:
            while not failures:
                path, body = waiting.get_nowait()
                self._expect(201, *self.request("POST", path, body))
        except queue.Empty:
            pass
        except (OSError, http.client.HTTPException, RequestRefused) as error:
            failures.append(error)
        finally:
            self.close()

    @staticmethod
    def _expect(wanted: int, status: int, answer: bytes) -> None:
        if status != wanted:
            raise RequestRefused(f"status {status}: {answer[:300]!r}")


def _next_page(answer: bytes) -> str:
    """The token after which a list goes on: it stands in the list's own metadata, before the items."""
    head = answer[: answer.index(b'"items"')]
    _, found, rest = head.partition(b'"continue":"')
    return rest[: rest.index(b'"')].decode() if found else ""


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
