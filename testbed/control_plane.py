"""A Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager, on loopback, without a node.

It accepts and keeps every object, runs the controllers (namespaces finish deleting, Deployments make ReplicaSets, claims
get volumes), and starts no containers: pods stay Pending.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from testbed import accounts, build, programs, storage
from testbed.accounts import Rule
from testbed.api import Api, store_certificate
from testbed.cache import Say, to_terminal
from testbed.certificates import Authority, signing_key
from testbed.loopback import ADDRESS, free_ports, wait_until
from testbed.workspace import Workspace

NEWEST = "1.34"
_SERVICES = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
# Reserved for documentation: the server wants to publish an address that is not loopback, and nobody ever dials it.
_ADVERTISED = "192.0.2.1"
_API_SERVER = "kube-apiserver"
_ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers of a control plane run; `url` is reached from elsewhere than there by other means."""

    start: Callable[[str, Sequence[str | Path]], None]
    """Starts a server of this name with this command."""
    bind: str = ADDRESS
    """Address on which the API server listens."""
    advertised: str = _ADVERTISED
    """Address under which it is reached by pods."""
    api_server: Sequence[str] = ()
    """More flags of the API server."""


class ControlPlane:
    """One cluster; `start`, then `wait_ready`, then use it until `stop`. It ends with the process that started it."""

    def __init__(self, name: str, version: str, workspace: Workspace, place: Place | None = None) -> None:
        """Makes keys and kubeconfigs and starts etcd and the API server. Use `start`."""
        self._place = place or Place(workspace.start)
        self.name = name
        self.version = version
        """Minor version, like 1.34."""
        self.workspace = workspace
        self.directory = workspace.directory
        self._authority = Authority(name)
        self._etcd_port, self._peer_port, self._port = free_ports(3)
        self.url = f"https://{ADDRESS}:{self._port}"
        self.etcd_url = f"http://{ADDRESS}:{self._etcd_port}"
        self.ca_file = self.directory / "ca.crt"
        self.ca_file.write_bytes(self._authority.certificate)
        self._token_key = self.directory / "service-accounts.key"
        self._token_key.touch(mode=0o600)
        self._token_key.write_bytes(signing_key())
        self.admin_kubeconfig = self._kubeconfig("admin", ["system:masters"])
        """For setting things up only: system:masters skips authorization."""
        self.kubeconfig = self._kubeconfig(accounts.TESTER, [])
        """The ordinary account that tests use: all rights, given by RBAC."""
        self._admin = store_certificate(self.directory, "setup", self._authority.client("setup", ["system:masters"]))
        self.api = Api(self.url, self.ca_file, *self._admin)
        self._start_servers()

    @classmethod
    def start(
        cls,
        version: str = NEWEST,
        *,
        name: str = "cluster",
        group: str | None = None,
        api_server: Sequence[str] = (),
        say: Say = to_terminal,
    ) -> Self:
        """Start a cluster and return at once; several started one after another come up side by side.

        Builds what is not in the cache yet. `group`: see Workspace.open; `api_server`: more flags for it. Raises
        ToolMissing, SetupFailed.
        """
        build.ensure(programs.control_plane(version), say)
        workspace = Workspace.open(name, group=group)
        with workspace.stopped_on_error():
            return cls(name, version, workspace, Place(workspace.start, api_server=api_server))

    def wait_ready(self) -> None:
        """Return when the API answers, accounts and the default StorageClass exist and the controllers work."""
        wait_until(self.api.healthy, f"the API server of {self.name}", self.workspace)
        accounts.grant(self.api, accounts.TESTER, accounts.TESTER_RULES)
        storage.create_class(self.api, storage.STANDARD, default=True)
        # Only now: it gives up if the API server is not healthy within ten seconds.
        self._start_controller_manager()
        self.wait_namespace("default")

    def wait_namespace(self, namespace: str) -> None:
        """Return when the controllers have put into a namespace what every namespace has."""
        base = f"/api/v1/namespaces/{namespace}"
        for path in (f"{base}/serviceaccounts/default", f"{base}/configmaps/kube-root-ca.crt"):
            wait_until(lambda path=path: self.api.exists(path), path, self.workspace)  # type: ignore[misc]

    def account(self, user: str, rules: Sequence[Rule], namespace: str | None = None) -> Path:
        """Make a new account with these rights, in the cluster or in one namespace; gives its kubeconfig."""
        accounts.grant(self.api, user, rules, namespace)
        return self._kubeconfig(user, [])

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.workspace.processes.items()}

    def restart_api_server(self) -> None:
        """Kill the API server and start it again; returns when it answers. What it keeps is in etcd."""
        process = self.workspace.processes[_API_SERVER]
        process.send(signal.SIGKILL)
        while process.alive() or self.api.exists("/version"):  # its address is to be free
            time.sleep(0.05)
        self._start_api_server()
        wait_until(self.api.healthy, f"the API server of {self.name}", self.workspace)

    def stop(self) -> None:
        self.workspace.stop()

    def _kubeconfig(self, user: str, groups: list[str], *, url: str | None = None, file: str | None = None) -> Path:
        return accounts.write_kubeconfig(
            self.directory / f"{file or user}.kubeconfig",
            cluster=self.name,
            url=url or self.url,
            authority=self._authority.certificate,
            user=user,
            login=self._authority.client(user, groups),
        )

    def _start_servers(self) -> None:
        etcd = self.etcd_url
        peer = f"http://{ADDRESS}:{self._peer_port}"
        self._place.start(
            "etcd",
            [
                programs.ETCD.path,
                f"--data-dir={self.directory / 'etcd'}",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--log-level=warn",
                "--unsafe-no-fsync",  # nothing here outlives a power cut anyway
            ],
        )
        self._start_api_server()

    def _start_api_server(self) -> None:
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
        server = self._authority.server(names, [ADDRESS, _FIRST_SERVICE, self._place.advertised])
        certificate, key = store_certificate(self.directory, _API_SERVER, server)
        self._place.start(
            _API_SERVER,
            [
                programs.API_SERVER[self.version].path,
                f"--etcd-servers={self.etcd_url}",
                f"--bind-address={self._place.bind}",
                f"--secure-port={self._port}",
                f"--advertise-address={self._place.advertised}",
                f"--cert-dir={self.directory}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--client-ca-file={self.ca_file}",
                f"--service-account-key-file={self._token_key}",
                f"--service-account-signing-key-file={self._token_key}",
                f"--service-account-issuer={_ISSUER}",
                f"--service-cluster-ip-range={_SERVICES}",
                "--authorization-mode=Node,RBAC",
                f"--kubelet-client-certificate={self._admin[0]}",
                f"--kubelet-client-key={self._admin[1]}",
                "--kubelet-preferred-address-types=InternalIP",
                "--enable-aggregator-routing",  # webhooks are called at their pods: service addresses are for nodes only
                "--allow-privileged=true",
                "--profiling=false",
                *self._place.api_server,
            ],
        )

    def _start_controller_manager(self) -> None:
        self._place.start(
            "kube-controller-manager",
            [
                programs.CONTROLLER_MANAGER[self.version].path,
                f"--kubeconfig={self.admin_kubeconfig}",
                "--secure-port=0",
                "--leader-elect=false",
                "--use-service-account-credentials",
                f"--service-account-private-key-file={self._token_key}",
                f"--root-ca-file={self.ca_file}",
                "--controllers=*,-nodeipam",
                "--enable-hostpath-provisioner",
                # The defaults spare big clusters; here they would make tests wait.
                "--pvclaimbinder-sync-period=1s",
                "--node-monitor-period=1s",
                "--kube-api-qps=1000",
                "--kube-api-burst=2000",
            ],
        )
