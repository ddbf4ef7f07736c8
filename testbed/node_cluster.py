"""A whole Kubernetes: a control plane and one or two nodes that run pods, with network, services, names and volumes.

It lives in machines of its own (`machine.py`), so it needs root, and its pods see neither the real machine nor another
cluster, except for what is forwarded: the API server to the loopback address here, and servers here to the pods.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from testbed import accounts, build, containerd, dns, forwarder, network, programs, storage
from testbed.api import JsonObject
from testbed.cache import Say, to_terminal
from testbed.control_plane import NEWEST, ControlPlane, Place
from testbed.errors import SetupFailed, ToolMissing
from testbed.images import BUSYBOX, Image
from testbed.loopback import ADDRESS, wait_until
from testbed.machine import Machine
from testbed.node import Node
from testbed.node_tools import NodeTools
from testbed.workspace import CHECKOUT, Workspace

_HERE = Path("/proc/self/ns/net")


class NodeCluster(ControlPlane):
    """`start`, then `wait_ready`, then use it until `stop`. It ends with the process that started it.

    It knows the images `images.BUSYBOX` and those of `import_image`, and pulls none.
    """

    def __init__(
        self, name: str, workspace: Workspace, tools: NodeTools, nodes: int, api_server: Sequence[str] = ()
    ) -> None:
        """Starts machines, the control plane's first servers and containerd. Use `start`."""
        self._machine = Machine("control-plane", workspace, tools)
        machines = [Machine(f"node-{number}", workspace, tools) for number in range(1, nodes + 1)]
        network.lay_out(self._machine, machines)
        place = Place(self._machine.start, bind="0.0.0.0", advertised=network.CONTROL_PLANE, api_server=api_server)
        super().__init__(name, NEWEST, workspace, place)
        self._forward("forwarder", _HERE, ADDRESS, self._machine.network, ADDRESS, self._port, self._etcd_port)
        self.nodes = [Node(number, workspace, machine) for number, machine in enumerate(machines, start=1)]
        for node in self.nodes:
            node.run_containers()
        self.import_image(BUSYBOX)
        self._reachable: set[int] = set()

    @classmethod
    def start(
        cls,
        version: str = NEWEST,
        *,
        name: str = "cluster",
        group: str | None = None,
        say: Say = to_terminal,
        nodes: int = 1,
        api_server: Sequence[str] = (),
    ) -> Self:
        """Start a cluster with 1 or 2 nodes, of the newest version only, and return after a second.

        Builds and fetches what is not in the cache yet. `group`: see Workspace.open; `api_server`: more flags for it. Raises
        ToolMissing, SetupFailed.
        """
        if version != NEWEST:
            raise SetupFailed(f"no nodes of Kubernetes {version}", why=f"there are programs for {NEWEST} only")
        check_machine()
        build.ensure([*programs.control_plane(NEWEST), *programs.NODE, programs.KUBECTL], say)
        tools = NodeTools.provide(say)
        BUSYBOX.build(say)
        workspace = Workspace.open(name, group=group)
        with workspace.stopped_on_error():
            return cls(name, workspace, tools, nodes, api_server)

    def wait_ready(self) -> None:
        """Return when all of ControlPlane.wait_ready is there, the nodes run pods and names are answered."""
        super().wait_ready()
        storage.create_class(self.api, storage.FAST)
        storage.create_class(self.api, storage.LATE, late=True)
        self._start_scheduler()
        for node in self.nodes:
            node.join(
                authority=self.ca_file,
                kubelet_login=self._login(f"system:node:{node.name}", ["system:nodes"], node.name),
                proxy_login=self._login("system:kube-proxy", [], f"{node.name}-proxy"),
            )
        accounts.grant(self.api, dns.ACCOUNT, dns.RULES)
        dns.start(self._machine, self._kubeconfig(dns.ACCOUNT, []))
        dns.publish(self.api)
        for node in self.nodes:
            wait_until(lambda node=node: self._runs_pods(node), node.name, self.workspace)  # type: ignore[misc]

    def import_image(self, image: Image, say: Say = to_terminal) -> None:
        """Make an image known to all nodes. Raises ToolMissing, SetupFailed."""
        with tempfile.TemporaryDirectory(dir=self.directory) as scratch:
            archive = image.archive(Path(scratch), say)
            for node in self.nodes:
                containerd.import_images(node.machine, archive)

    def url_for_pods(self, url: str) -> str:
        """The URL under which pods reach a server that listens here, on the loopback address, at `url`."""
        port = urlsplit(url).port
        if port is None:
            raise SetupFailed(f"{url} has no port", why="only servers of the testbed's kind can be forwarded")
        if port not in self._reachable:
            self._forward(f"forwarder-{port}", self._machine.network, network.CONTROL_PLANE, _HERE, ADDRESS, port)
            self._reachable.add(port)
        return url.replace(f"{ADDRESS}:{port}", f"{network.CONTROL_PLANE}:{port}")

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - subprocess calls it so
        """What kubectl prints, as administrator. SetupFailed with what it says if it fails."""
        done = subprocess.run(
            [programs.KUBECTL.path, f"--kubeconfig={self.admin_kubeconfig}", *arguments],
            input=input, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SetupFailed(f"`kubectl {' '.join(arguments)}` failed", why=done.stderr[-2000:])
        return done.stdout

    @property
    def volumes_directory(self) -> Path:
        """Where the volumes of the default StorageClass lie: a directory for each."""
        return self.directory / "volumes"

    def _login(self, user: str, groups: list[str], file: str) -> Path:
        """The kubeconfig of a server on a node."""
        url = f"https://{network.CONTROL_PLANE}:{self._port}"
        return self._kubeconfig(user, groups, url=url, file=file)

    def _runs_pods(self, node: Node) -> bool:
        if not self.api.exists(f"/api/v1/nodes/{node.name}"):
            return False
        found: JsonObject = self.api.request("GET", f"/api/v1/nodes/{node.name}")
        conditions = found["status"].get("conditions", ())
        ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
        return ready and not found["spec"].get("taints")

    def _start_scheduler(self) -> None:
        login = self._kubeconfig("system:kube-scheduler", [])
        self._machine.start(
            "kube-scheduler",
            [
                programs.SCHEDULER.path,
                f"--kubeconfig={login}",
                f"--authentication-kubeconfig={login}",
                f"--authorization-kubeconfig={login}",
                "--leader-elect=false",
            ],
        )

    def _forward(self, name: str, source: Path, listening: str, target: Path, serving: str, *ports: int) -> None:
        argv: list[str | Path] = [
            sys.executable,
            "-m",
            forwarder.__name__,
            source,
            listening,
            target,
            serving,
            *map(str, ports),
        ]
        self.workspace.start(name, argv, {"PYTHONPATH": str(CHECKOUT)})
        wait_until(lambda: forwarder.LISTENING in self.workspace.end_of_log(name), name, self.workspace)


def check_machine() -> None:
    """Raise ToolMissing where nodes cannot run."""
    if os.geteuid():
        raise ToolMissing("root", why="nodes make namespaces and mounts", next="Run it as root.")
    if not Path("/sys/fs/cgroup/memory/cgroup.procs").exists():
        hint = "Use a machine that has it."
        raise ToolMissing("version 1 of control groups", why="no /sys/fs/cgroup/memory", next=hint)
    attempt = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "true"]
    done = subprocess.run(attempt, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing("the right to make namespaces", why=done.stderr.strip(), next="Use a machine that allows it.")
