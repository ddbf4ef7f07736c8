"""Azurite: Microsoft's own emulator of Azure Blob Storage, from npm. It proves the protocol, not the service."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import shutil
import subprocess
import urllib.request
from pathlib import Path

from testbed import cache
from testbed.cache import Say, to_terminal
from testbed.errors import SetupFailed, ToolMissing
from testbed.loopback import ADDRESS, answers_http, free_ports, send, wait_until
from testbed.programs import MODULES
from testbed.workspace import Workspace

# The emulator's only account; both are printed in Microsoft's manual.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
OLDEST_NODE = 20
_PINS = MODULES / "azurite"
_API_VERSION = "2021-12-02"


def azurite(say: Say) -> Path:
    """The installed emulator's blob server, a script for `node`. Raises ToolMissing, SetupFailed."""
    check_node()
    pins = [_PINS / name for name in ("package.json", "package-lock.json", ".npmrc")]
    key = "azurite-" + hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:12]

    def install(directory: Path) -> None:
        say("installing azurite, about 10 s")
        for pin in pins:
            shutil.copy(pin, directory)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SetupFailed("azurite could not be installed", why=done.stderr[-2000:], next="See npm's own log.")

    return cache.provide(key, install, say) / "node_modules/azurite/dist/src/blob/main.js"


def check_node() -> None:
    """Raise ToolMissing unless `node` and `npm` are there and new enough."""
    wanted = f"Node.js ≥ {OLDEST_NODE} with npm"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise ToolMissing(wanted, why=f"no `{tool}` on PATH", next=f"Install {wanted}.")
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if int(answer.lstrip("v").partition(".")[0] or 0) < OLDEST_NODE:
        raise ToolMissing(wanted, why=f"`node --version` says {answer or 'nothing'}", next=f"Install {wanted}.")


class AzureServer:
    """A running emulator, which ends with the process that started it."""

    def __init__(self, *, say: Say = to_terminal) -> None:
        """Returns when the server answers. Raises ToolMissing, SetupFailed."""
        script = azurite(say)
        [port] = free_ports(1)
        self.account = ACCOUNT
        self.key = KEY
        self.url = f"http://{ADDRESS}:{port}/{ACCOUNT}"
        """Endpoint of the account."""
        self.workspace = Workspace.open("azure")
        argv: list[str | Path] = [
            "node",
            script,
            f"--blobHost={ADDRESS}",
            f"--blobPort={port}",
            "--location=data",
            "--silent",
            "--disableTelemetry",
            "--skipApiVersionCheck",  # clients are often newer than the emulator
            "--loose",
        ]
        with self.workspace.stopped_on_error():
            self.workspace.start("azurite", argv)
            wait_until(lambda: answers_http(self.url), "azurite", self.workspace)

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which clients take account and endpoint."""
        return {"AZURE_ACCOUNT_NAME": self.account, "AZURE_ACCOUNT_KEY": self.key}

    def create_container(self, name: str) -> None:
        """Make an empty container; SetupFailed if it exists."""
        date = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": date, "x-ms-version": _API_VERSION}
        # Shared Key: the method, eleven headers that are all empty here, then ours and the resource.
        resource = f"/{self.account}/{self.account}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + "".join(f"{key}:{value}\n" for key, value in headers.items()) + resource
        signature = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")).decode()
        headers["Authorization"] = f"SharedKey {self.account}:{signature}"
        headers["Content-Type"] = ""
        request = urllib.request.Request(f"{self.url}/{name}?restype=container", method="PUT", headers=headers)
        send(request)

    def stop(self) -> None:
        self.workspace.stop()
