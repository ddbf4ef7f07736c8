"""A node: a machine with containerd, kubelet and kube-proxy that runs the pods of one cluster."""

from __future__ import annotations

from pathlib import Path

import yaml

from testbed import cgroups, containerd, dns, network, programs
from testbed.images import PAUSE
from testbed.machine import Machine
from testbed.workspace import Workspace

_BARELY_ANYTHING = "1Mi"
# Not the cable itself: with it the kernel would forget the routes.
_CHAINS = [
    ("INPUT", "--in-interface", "eth0"),
    ("OUTPUT", "--out-interface", "eth0"),
    ("FORWARD", "--in-interface", "eth0"),
    ("FORWARD", "--out-interface", "eth0"),
]


class Node:
    """Use `join` when the API server answers; `run_containers` before, side by side with its start."""

    def __init__(self, number: int, workspace: Workspace, machine: Machine) -> None:
        self.name = machine.name
        self.address = network.node_address(number)
        self.machine = machine
        self._number = number
        self._workspace = workspace

    def run_containers(self) -> None:
        containerd.start(self.machine, self._workspace, pods=network.pods_of(self._number), pause=PAUSE)

    def join(self, *, authority: Path, kubelet_login: Path, proxy_login: Path) -> None:
        """Join the cluster that the two kubeconfigs name."""
        directory = self.machine.directory
        configuration = directory / "kubelet.yaml"
        group = cgroups.create(self._workspace.directory, self.name)
        configuration.write_text(yaml.safe_dump(self._kubelet_configuration(authority, group)))
        self.machine.start(
            f"{self.name}-kubelet",
            [
                programs.KUBELET.path,
                f"--config={configuration}",
                f"--kubeconfig={kubelet_login}",
                f"--hostname-override={self.name}",
                f"--node-ip={self.address}",
            ],
        )
        self.machine.start(
            f"{self.name}-proxy",
            [
                programs.KUBE_PROXY.path,
                f"--kubeconfig={proxy_login}",
                f"--hostname-override={self.name}",
                f"--cluster-cidr={network.PODS}",
                "--proxy-mode=iptables",
                # The tables of connections are the real machine's.
                "--conntrack-max-per-core=0",
                "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0",
            ],
        )

    def unplug(self) -> None:
        """Nothing passes between the node and the others any more; what runs on it goes on."""
        for chain in _CHAINS:
            self.machine.run("iptables", "--wait", "--insert", *chain, "--jump", "DROP")

    def plug_in(self) -> None:
        """Undo `unplug`."""
        for chain in _CHAINS:
            self.machine.run("iptables", "--wait", "--delete", *chain, "--jump", "DROP")

    def _kubelet_configuration(self, authority: Path, group: str) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [dns.ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": "",  # nothing outside the cluster can be reached, so there is nobody else to ask
            "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": group,
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "serializeImagePulls": False,
            # A test machine is often nearly full; that is no reason to end pods.
            "evictionHard": dict.fromkeys(
                ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"], _BARELY_ANYTHING
            ),
            "imageGCHighThresholdPercent": 100,
        }
