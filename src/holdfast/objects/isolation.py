"""What makes a namespace a quarantine: its label, and the one NetworkPolicy that lets nothing in and nothing but DNS out.

Policies add up: a second one would only allow more. So the policies of the backup are not restored beside this one.
"""

from __future__ import annotations

from holdfast.objects.fields import Object, at

LABEL = "holdfast.dev/quarantine"
"""On namespaces and on what a restore adds to them; the value is `true`."""

POLICY = "holdfast-quarantine"
_DNS_PORT = 53


def is_quarantine(namespace: Object) -> bool:
    return at(namespace, "metadata", "labels").get(LABEL) == "true"


def network_policy(namespace: str, *, open_inside: bool = False) -> Object:
    """The NetworkPolicy of a quarantine. Whether it is enforced depends on the cluster's network.

    `open_inside`: pods of the namespace reach each other, as an application of several parts needs to become ready.
    """
    dns = [{"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")]
    spec: Object = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{"ports": dns}]}
    if open_inside:
        inside: list[Object] = [{"podSelector": {}}]
        spec["ingress"] = [{"from": inside}]
        spec["egress"].append({"to": inside})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY, "namespace": namespace, "labels": {LABEL: "true"}},
        "spec": spec,
    }
