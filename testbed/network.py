"""The network of a cluster with nodes: one address for the control plane, one for each node, a range of pods on each node.

It is the same for every cluster, because no cluster sees another one, nor the real machine: what must pass between them
is forwarded (`forwarder.py`).
"""

from __future__ import annotations

from testbed.machine import Machine

CONTROL_PLANE = "10.100.0.1"
PODS = "10.244.0.0/16"
_BRIDGE = "nodes"


def node_address(number: int) -> str:
    return f"10.100.0.{10 + number}"


def pods_of(number: int) -> str:
    return f"10.244.{number}.0/24"


def lay_out(control_plane: Machine, nodes: list[Machine]) -> None:
    """Connect the nodes, numbered from 1, with the control plane and each other, and make all pods reachable."""
    control_plane.run("ip", "link", "add", _BRIDGE, "type", "bridge")
    control_plane.run("ip", "address", "add", f"{CONTROL_PLANE}/24", "dev", _BRIDGE)
    control_plane.run("ip", "link", "set", _BRIDGE, "up")
    for number, node in enumerate(nodes, start=1):
        _plug_in(control_plane, node, number)
    for number in range(1, len(nodes) + 1):
        route = ["ip", "route", "add", pods_of(number), "via", node_address(number)]
        for machine in (control_plane, *nodes):
            if machine is not nodes[number - 1]:
                machine.run(*route)


def _plug_in(control_plane: Machine, node: Machine, number: int) -> None:
    port = f"node-{number}"
    control_plane.cable(port, node, "eth0")
    control_plane.run("ip", "link", "set", port, "master", _BRIDGE, "up")
    node.run("ip", "address", "add", f"{node_address(number)}/24", "dev", "eth0")
    node.run("ip", "link", "set", "eth0", "up")
    node.run("ip", "route", "add", "default", "via", CONTROL_PLANE)
