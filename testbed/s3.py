"""S3 servers: versitygw, small and quick to start, and MinIO as a second opinion."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed import build, programs
from testbed.cache import Say, to_terminal
from testbed.loopback import ADDRESS, answers_http, free_ports, send, wait_until
from testbed.workspace import Workspace

REGION = "us-east-1"
_EMPTY = hashlib.sha256(b"").hexdigest()


class S3Server:
    """A running S3 server with one account, which ends with the process that started it.

    Use `versitygw` or `minio` to start one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        [self._port] = free_ports(1)
        self.url = f"http://{ADDRESS}:{self._port}"
        """Endpoint; buckets are addressed as paths below it."""
        self.access_key = "holdfast"
        self.secret_key = secrets.token_hex(16)

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which S3 clients take their account."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
        }

    def repository(self, bucket: str) -> str:
        """The URL of a bucket as restic and Holdfast spell it."""
        return f"s3:{self.url}/{bucket}"

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket; SetupFailed if it exists."""
        headers = self._signature(f"/{name}")
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT", headers=headers)
        send(request)

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.workspace.processes.items()}

    def stop(self) -> None:
        self.workspace.stop()

    def serve(self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start the program and return when it answers."""
        with self.workspace.stopped_on_error():
            self.workspace.start(name, argv, environment)
            wait_until(lambda: answers_http(self.url), name, self.workspace)

    @property
    def address(self) -> str:
        return f"{ADDRESS}:{self._port}"

    def _signature(self, path: str) -> dict[str, str]:
        """Headers of AWS Signature Version 4 for a PUT of nothing."""
        now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self.address, "x-amz-content-sha256": _EMPTY, "x-amz-date": now}
        names = ";".join(signed)
        headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"PUT\n{path}\n\n{headers}\n{names}\n{_EMPTY}"
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"Credential={self.access_key}/{scope}"
        return signed | {
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
        }


def versitygw(*, name: str = "s3", group: str | None = None, say: Say = to_terminal) -> S3Server:
    """Start versitygw on a directory; returns when it answers. Raises ToolMissing, SetupFailed."""
    build.ensure([programs.VERSITYGW], say)
    server = S3Server(Workspace.open(name, group=group))
    data, attributes = server.workspace.directory / "data", server.workspace.directory / "attributes"
    data.mkdir()
    attributes.mkdir()
    # The sidecar keeps attributes in files: not every temporary file system has extended attributes.
    storage: list[str | Path] = ["posix", "--sidecar", attributes, data]
    argv = [programs.VERSITYGW.path, f"--port={server.address}", f"--region={REGION}", "--quiet", *storage]
    server.serve("versitygw", argv, {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key})
    return server


def minio(*, name: str = "minio", group: str | None = None, say: Say = to_terminal) -> S3Server:
    """Start MinIO on a directory; returns when it answers. Raises ToolMissing, SetupFailed."""
    build.ensure([programs.MINIO], say)
    server = S3Server(Workspace.open(name, group=group))
    account = {"MINIO_ROOT_USER": server.access_key, "MINIO_ROOT_PASSWORD": server.secret_key}
    # It would ask its makers for a newer version, and serve a web page nobody looks at.
    quiet = {"MINIO_UPDATE": "off", "MINIO_BROWSER": "off"}
    argv: list[str | Path] = [
        programs.MINIO.path,
        "server",
        f"--address={server.address}",
        "--certs-dir=certificates",
        "data",
    ]
    server.serve("minio", argv, account | quiet)
    return server
