"""Names of services for the pods of a cluster: CoreDNS, as an ordinary server beside the control plane."""

from __future__ import annotations

from pathlib import Path

from testbed import network, programs
from testbed.accounts import Rule
from testbed.api import Api
from testbed.machine import Machine

ADDRESS = "10.96.0.10"
"""Of the service `kube-dns`, which every pod asks."""
ACCOUNT = "coredns"
RULES: list[Rule] = [
    {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]
_PORTS = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)]
_SETTINGS = """\
.:53 {{
    bind {address}
    errors
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
        ttl 0
    }}
}}
"""


def start(control_plane: Machine, kubeconfig: Path) -> None:
    """Start it, with the rights of `ACCOUNT`."""
    settings = control_plane.directory / "Corefile"
    settings.write_text(_SETTINGS.format(address=network.CONTROL_PLANE, kubeconfig=kubeconfig))
    control_plane.start("coredns", [programs.COREDNS.path, "-conf", settings])


def publish(api: Api) -> None:
    """Create the service, and say where its only server is."""
    common = {"namespace": "kube-system", "name": "kube-dns"}
    ports = [{"name": name, "protocol": protocol, "port": port} for name, protocol, port in _PORTS]
    api.create(
        "/api/v1/namespaces/kube-system/services",
        {"apiVersion": "v1", "kind": "Service", "metadata": common, "spec": {"clusterIP": ADDRESS, "ports": ports}},
    )
    api.create(
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": common | {"labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [network.CONTROL_PLANE]}],
        },
    )
