"""The store tests' view of the servers: an environment with the credentials, and a URL of an empty place on each."""

from __future__ import annotations

import http.client
import os
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

pytest.register_assert_rewrite("holdfast.testing.store_suite")

BUCKET = "holdfast-stores"


class Place(NamedTuple):
    root: str  # the URL of a bucket or container, ready for a prefix
    environ: dict[str, str]

    def empty(self) -> str:
        """The URL of a prefix that nothing was written to."""
        return f"{self.root}/{uuid.uuid4().hex}/repository"


@pytest.fixture(autouse=True)
def _no_credentials_from_outside(monkeypatch):
    """Whoever runs the tests may have an account of their own, which obstore would find."""
    for name in os.environ:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "STORAGE_EMULATOR")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def s3_place(s3_server):
    s3_server.create_bucket(BUCKET)
    return Place(f"s3:{s3_server.url}/{BUCKET}", s3_server.environment)


@pytest.fixture(scope="session")
def minio_place(minio_server):
    minio_server.create_bucket(BUCKET)
    return Place(f"s3:{minio_server.url}/{BUCKET}", minio_server.environment)


@pytest.fixture(scope="session")
def azure_place(azure_server):
    azure_server.create_container(BUCKET)
    return Place(f"azure:{BUCKET}:", azure_server.environment | {"AZURE_STORAGE_ENDPOINT": azure_server.url})


@pytest.fixture(scope="session")
def gcs_place(gcs_server):
    gcs_server.create_bucket(BUCKET)
    front = type("Front", (GcsFront,), {"emulator": urllib.parse.urlsplit(gcs_server.url).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Place(f"gs:{BUCKET}:", {"STORAGE_EMULATOR_HOST": f"127.0.0.1:{server.server_port}"})
    server.shutdown()
    server.server_close()


class GcsFront(BaseHTTPRequestHandler):
    """fake-gcs-server lacks the one request by which obstore uploads, the XML API's PUT. This turns it into the JSON
    API's upload, precondition included, and passes everything else through."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    emulator = ""

    def do_PUT(self):
        bucket, _, name = self.path.lstrip("/").partition("/")
        query = {"uploadType": "media", "name": urllib.parse.unquote(name)}
        generation = self.headers.get("x-goog-if-generation-match")
        if generation is not None:
            query["ifGenerationMatch"] = generation
        self._pass("POST", f"/upload/storage/v1/b/{bucket}/o?{urllib.parse.urlencode(query)}")

    def do_GET(self):
        self._pass(self.command, self.path)

    def do_HEAD(self):
        self._pass(self.command, self.path)

    def do_DELETE(self):
        self._pass(self.command, self.path)

    def _pass(self, method, path):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() in {"range", "content-type"}}
        emulator = http.client.HTTPConnection(self.emulator, timeout=60)
        emulator.request(method, path, body=body, headers=headers)
        answer = emulator.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        # A HEAD's answer has the length of what a GET would give.
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(content)))
        if method == "POST" and answer.status == 200:
            self.send_header("ETag", "uploaded")
        self.end_headers()
        self.wfile.write(content)
        emulator.close()

    def log_message(self, *_): ...
