"""fake-gcs-server: an emulator of Google Cloud Storage. It proves the protocol, not the service.

It speaks the JSON API, and of the XML API all but uploads.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from testbed import build, programs
from testbed.cache import Say, to_terminal
from testbed.loopback import ADDRESS, answers_http, free_ports, send, wait_until
from testbed.workspace import Workspace


class GcsServer:
    """A running emulator, which ends with the process that started it. It asks nobody for credentials."""

    def __init__(self, *, say: Say = to_terminal) -> None:
        """Returns when the server answers. Raises ToolMissing, SetupFailed."""
        build.ensure([programs.FAKE_GCS], say)
        [port] = free_ports(1)
        self.url = f"http://{ADDRESS}:{port}"
        self.workspace = Workspace.open("gcs")
        argv: list[str | Path] = [
            programs.FAKE_GCS.path,
            "-scheme=http",
            f"-host={ADDRESS}",
            f"-port={port}",
            f"-external-url={self.url}",
            f"-public-host={ADDRESS}:{port}",
            "-backend=filesystem",
            f"-filesystem-root={self.workspace.directory / 'data'}",
        ]
        with self.workspace.stopped_on_error():
            self.workspace.start("fake-gcs-server", argv)
            wait_until(lambda: answers_http(f"{self.url}/storage/v1/b"), "fake-gcs-server", self.workspace)

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket; SetupFailed if it exists."""
        request = urllib.request.Request(
            f"{self.url}/storage/v1/b?project=testbed",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        send(request)

    def stop(self) -> None:
        self.workspace.stop()
