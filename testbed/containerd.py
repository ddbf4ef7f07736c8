"""containerd on a node: runs the pods' containers, with images that were imported and none from a registry."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.loopback import wait_until
from testbed.machine import Machine
from testbed.workspace import Workspace

SOCKET = "/run/containerd/containerd.sock"
_CONFIGURATION = """\
version = 2
root = "{directory}/containerd"
state = "/run/containerd"
# The first would make a directory in /opt; the others only look for what is not there.
disabled_plugins = [
    "io.containerd.internal.v1.opt",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
]

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# Without CAP_SYS_RESOURCE, which many virtual machines lack, no container could start otherwise.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{network_plugins}"
conf_dir = "{directory}/network"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{runc}"
"""


def start(machine: Machine, workspace: Workspace, *, pods: str, pause: str) -> None:
    """Start it and return when it answers. `pods` are the addresses of its pods, `pause` the image that holds a pod's place."""
    directory = machine.directory
    (directory / "network").mkdir()
    (directory / "network/pods.conflist").write_text(json.dumps(_network(directory, pods)))
    configuration = directory / "containerd.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            directory=directory, pause=pause, network_plugins=machine.tools.network_plugins, runc=machine.tools.runc
        )
    )
    machine.start(f"{machine.name}-containerd", [machine.tools.containerd, "--config", configuration])
    socket = directory / "run/containerd/containerd.sock"
    wait_until(socket.exists, f"containerd of {machine.name}", workspace)


def import_images(machine: Machine, archive: Path) -> None:
    """Import all images of a docker archive. SetupFailed if containerd does not like it."""
    machine.run(machine.tools.ctr, f"--address={SOCKET}", "--namespace=k8s.io", "images", "import", archive)


def started_at(machine: Machine, container: str) -> float:
    """When a container of the node was started, by its id: Kubernetes itself tells whole seconds only."""
    status = machine.directory / "containerd/io.containerd.grpc.v1.cri/containers" / container / "status"
    started: int = json.loads(status.read_text())["StartedAt"]
    return started / 1e9


def _network(directory: Path, pods: str) -> dict[str, object]:
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": True,
                "hairpinMode": True,  # a pod may be its own service's only endpoint
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(directory / "addresses"),
                    "ranges": [[{"subnet": pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
