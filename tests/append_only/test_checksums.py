"""Uploads carry the checksum without which Amazon takes nothing into a bucket with object lock. No server here insists on it."""

from __future__ import annotations

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from minio.commonconfig import COMPLIANCE
from tests.append_only.minio_buckets import Bucket

from holdfast.errors import StoreRefused
from holdfast.store.url import open_store

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "hunter2"}
WITHOUT = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
AMAZONS_WORDS = (
    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
)


class LockedBucket(BaseHTTPRequestHandler):
    """Answers an upload as Amazon does into a bucket with object lock."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        checksum = self.headers.get("x-amz-checksum-sha256")
        if checksum is None:
            self._answer(400, f"<Error><Code>InvalidRequest</Code><Message>{AMAZONS_WORDS}</Message></Error>")
        elif base64.b64decode(checksum) != hashlib.sha256(body).digest():
            self._answer(400, "<Error><Code>BadDigest</Code><Message>It did not match</Message></Error>")
        else:
            self._answer(200, "")

    def _answer(self, status, text):
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_): ...


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), LockedBucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"s3:http://127.0.0.1:{server.server_port}/bucket"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("content", [b"", b"content", bytes(range(256)) * 70_000])
@pytest.mark.parametrize("method", ["put", "create"])
def test_each_upload_has_its_checksum(url, method, content):
    getattr(open_store(url, environ=KEYS), method)("config", [content[:3], content[3:]])


def test_it_can_be_switched_off_as_with_amazons_own_tools(url):
    with pytest.raises(StoreRefused, match="Content-MD5 OR x-amz-checksum-"):
        open_store(url, environ=KEYS | WITHOUT).put("config", [b"content"])


@pytest.mark.parametrize("environ", [{}, WITHOUT], ids=["with", "without"])
def test_a_large_file_goes_into_a_locked_bucket_in_parts(minio_server, environ):
    bucket = Bucket(minio_server, mode=COMPLIANCE)
    store = open_store(bucket.url, environ=minio_server.environment | environ)
    store.put("data/00/large", [bytes(1024 * 1024)] * 65)
    assert store.size("data/00/large") == 65 * 1024 * 1024
