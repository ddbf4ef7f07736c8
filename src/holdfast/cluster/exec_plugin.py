"""Credentials from a program named in the kubeconfig: client.authentication.k8s.io/v1 and v1beta1.

The program writes an ExecCredential object with a token or a client certificate to its standard output. What it gives
is used until the expiration that it names; without one, until the API server refuses it. Nothing is cached on disk:
the plugins that want that do it themselves.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from holdfast.cluster.credentials import ClientCertificate, Presented, bearer
from holdfast.errors import ClusterError, KubeconfigInvalid
from holdfast.model.clock import Clock, SystemClock

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"  # a cluster's extension of this name is handed to the plugin
_EXPIRY_MARGIN = dt.timedelta(seconds=10)  # a request that starts just before the expiration must still arrive
_TIMEOUT = 120.0  # seconds, for a plugin that has nobody to ask
_STDERR_SHOWN = 256


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What a plugin with `provideClusterInfo` is told."""

    server: str
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: bytes | None = None
    proxy_url: str = field(default="", repr=False)
    config: Any = None  # the cluster entry's extension for plugins, whatever it is

    def to_json(self) -> dict[str, Any]:
        authority = base64.b64encode(self.certificate_authority).decode() if self.certificate_authority else ""
        fields = {
            "server": self.server,
            "tls-server-name": self.tls_server_name,
            "insecure-skip-tls-verify": self.insecure_skip_tls_verify,
            "certificate-authority-data": authority,
            "proxy-url": self.proxy_url,
            "config": self.config,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """The `exec` part of a kubeconfig's user."""

    api_version: str
    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # the whole one, ours and the entry's
    directory: Path | None = None  # where the kubeconfig lies; a command with "/" in it is relative to that
    install_hint: str = ""
    interactive_mode: Literal["Never", "IfAvailable", "Always"] = "IfAvailable"
    cluster: ClusterInfo | None = None  # None: the plugin is not told


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: dt.datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    kind: str
    api_version: str
    status: _Status | None = None


class ExecPlugin:
    """A Credential that runs a plugin when it has nothing valid."""

    def __init__(
        self, settings: PluginSettings, certificate: ClientCertificate | None = None, *, clock: Clock | None = None
    ) -> None:
        """`certificate` is presented as long as the plugin gives none of its own."""
        self._settings = settings
        self._certificate = certificate
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()  # held while the plugin runs: threads that need its answer wait for one run
        self._presented: Presented | None = None
        self._expires: dt.datetime | None = None

    def current(self) -> Presented:
        with self._lock:
            if self._presented is None or self._expired():
                self._run()
            assert self._presented is not None
            return self._presented

    def renew(self, refused: Presented) -> bool:
        with self._lock:
            if self._presented == refused:  # otherwise another thread was refused before us and has renewed it
                self._run()
            return True

    def _expired(self) -> bool:
        return self._expires is not None and self._clock.now() >= self._expires - _EXPIRY_MARGIN

    def _run(self) -> None:
        status = _read_credential(_output(self._settings), self._settings)
        certificate = self._certificate
        if status.client_certificate_data:
            certificate = ClientCertificate(status.client_certificate_data.encode(), status.client_key_data.encode())
        self._presented = Presented(bearer(status.token) if status.token else "", certificate)
        self._expires = status.expiration_timestamp


def _output(settings: PluginSettings) -> bytes:
    """Runs the plugin; its standard output."""
    import subprocess  # noqa: PLC0415 - only kubeconfigs with a plugin pay for it

    interactive = settings.interactive_mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if settings.interactive_mode == "Always" and not interactive:
        raise KubeconfigInvalid(
            f"the credential plugin {settings.command} cannot be run here",
            why="its kubeconfig entry says interactiveMode: Always, and there is no terminal",
            next="Use a credential that needs nobody to type, such as a service-account token.",
        )
    # On a terminal the plugin speaks to the user itself (a code to enter, an address to open); else we keep its words.
    shown = sys.stderr is not None and sys.stderr.isatty()
    try:
        done = subprocess.run(  # noqa: S603 - to run this program is what the kubeconfig asks for, as with kubectl
            [_program(settings), *settings.arguments],
            env={**settings.environment, "KUBERNETES_EXEC_INFO": _exec_info(settings, interactive=interactive)},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            timeout=None if interactive else _TIMEOUT,
            check=False,
        )
    except OSError as error:
        raise KubeconfigInvalid(
            f"cannot run the credential plugin {settings.command}",
            why=error.strerror or type(error).__name__,
            next=settings.install_hint or "Install it, or put its directory into PATH.",
        ) from error
    except subprocess.TimeoutExpired:
        # Not chained: the foreign error holds what the plugin wrote so far.
        raise ClusterError(
            f"the credential plugin {settings.command} did not end", why=f"it was stopped after {_TIMEOUT:.0f} s"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or b"").decode("utf-8", "replace").strip()
        raise ClusterError(
            f"the credential plugin {settings.command} failed",
            why=f"exit status {done.returncode}" + (f": {said[:_STDERR_SHOWN]}" if said else ""),
            next=settings.install_hint
            or "Log in with it again; `kubectl version` with this kubeconfig shows the same.",
        )
    return done.stdout


def _program(settings: PluginSettings) -> str:
    if os.sep in settings.command:
        return str((settings.directory or Path()) / settings.command)
    # Looked up here because the search path to use is the plugin's, not ours.
    found = shutil.which(settings.command, path=settings.environment.get("PATH"))
    if found is None:
        raise KubeconfigInvalid(
            f"the credential plugin {settings.command} is not installed",
            why="there is no such program in PATH",
            next=settings.install_hint or "Install it, or put its directory into PATH.",
        )
    return found


def _exec_info(settings: PluginSettings, *, interactive: bool) -> str:
    spec: dict[str, Any] = {"interactive": interactive}
    if settings.cluster is not None:
        spec["cluster"] = settings.cluster.to_json()
    return msgspec.json.encode({"kind": "ExecCredential", "apiVersion": settings.api_version, "spec": spec}).decode()


def _read_credential(output: bytes, settings: PluginSettings) -> _Status:
    def refuse(why: str) -> ClusterError:
        return ClusterError(f"the credential plugin {settings.command} gave no credential", why=why)

    try:
        answer = msgspec.json.decode(output, type=_ExecCredential)
    except msgspec.MsgspecError as error:
        raise refuse(f"its output is no ExecCredential object: {error}") from None
    if answer.kind != "ExecCredential" or answer.api_version != settings.api_version:
        raise refuse(f"it answered with {answer.api_version} {answer.kind}, asked for was {settings.api_version}")
    status = answer.status
    if status is None or not (status.token or status.client_certificate_data):
        raise refuse("its answer holds neither a token nor a client certificate")
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise refuse("its answer holds only one of client certificate and key")
    if status.expiration_timestamp is not None and status.expiration_timestamp.tzinfo is None:
        raise refuse("its expirationTimestamp has no time zone")
    return status
