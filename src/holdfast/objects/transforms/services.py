"""Rows for Services: which addresses and ports belong to the old cluster, and which to the user."""

from __future__ import annotations

import json
from collections.abc import Iterator

from holdfast.objects.fields import Object, at, items, remove
from holdfast.objects.transforms.transform import Context, Transform

_SERVICES = frozenset({"services"})
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def _clear_cluster_ip(obj: Object, _: Context) -> None:
    spec = at(obj, "spec")
    if spec.get("clusterIP") != "None":
        remove(spec, "clusterIP")
        remove(spec, "clusterIPs")


def _carry_cluster_ip(live: Object, desired: Object, _: Context) -> None:
    old, new = at(live, "spec"), at(desired, "spec")
    if "clusterIP" not in new and new.get("type") != "ExternalName" and old.get("clusterIP", "None") != "None":
        new["clusterIP"] = old["clusterIP"]
        new["clusterIPs"] = old.get("clusterIPs", [old["clusterIP"]])


def _clear_node_ports(obj: Object, _: Context) -> None:
    applied = _last_applied(obj)
    for port in items(obj, "spec", "ports"):
        if not (_is_applied(port, applied) or _is_owned(port, obj)):
            remove(port, "nodePort")


def _is_applied(port: Object, applied: Object) -> bool:
    """Whether the user's own manifest sets this port's node port. Ports have a name, or are one and known by number."""
    known_by = "name" if port.get("name") else "port"
    return any(
        theirs.get(known_by) == port.get(known_by) and theirs.get("nodePort") for theirs in items(applied, "ports")
    )


def _is_owned(port: Object, obj: Object) -> bool:
    """Whether somebody has set the node port. What the server allocates has no owner."""
    for fields in _owned_specs(obj):
        for key, owned in at(fields, "f:ports").items():
            if key.startswith("k:") and "f:nodePort" in owned:
                wanted = json.loads(key.removeprefix("k:"))
                if all(port.get(field) == value for field, value in wanted.items()):
                    return True
    return False


def _carry_node_ports(live: Object, desired: Object, _: Context) -> None:
    allocated = {
        (port.get("port"), port.get("protocol")): port["nodePort"]
        for port in items(live, "spec", "ports")
        if "nodePort" in port
    }
    if at(desired, "spec").get("type") not in {"NodePort", "LoadBalancer"}:
        return
    for port in items(desired, "spec", "ports"):
        node_port = allocated.get((port.get("port"), port.get("protocol")))
        if "nodePort" not in port and node_port is not None:
            port["nodePort"] = node_port


def _clear_health_check_port(obj: Object, _: Context) -> None:
    owned = any("f:healthCheckNodePort" in fields for fields in _owned_specs(obj))
    if not (owned or _last_applied(obj).get("healthCheckNodePort")):
        remove(obj, "spec", "healthCheckNodePort")


def _carry_health_check_port(live: Object, desired: Object, _: Context) -> None:
    old, new = at(live, "spec"), at(desired, "spec")
    needed = new.get("type") == "LoadBalancer" and new.get("externalTrafficPolicy") == "Local"
    if needed and "healthCheckNodePort" not in new and "healthCheckNodePort" in old:
        new["healthCheckNodePort"] = old["healthCheckNodePort"]


def _last_applied(obj: Object) -> Object:
    """The `spec` that `kubectl apply` was given; empty if it was not used, or if what it left cannot be read."""
    try:
        applied = json.loads(at(obj, "metadata", "annotations").get(_LAST_APPLIED, "{}"))
    except ValueError:
        return {}
    return at(applied, "spec") if isinstance(applied, dict) else {}


def _owned_specs(obj: Object) -> Iterator[Object]:
    """What each field manager owns below `spec`."""
    for entry in items(obj, "metadata", "managedFields"):
        yield at(entry, "fieldsV1", "f:spec")


SERVICES: tuple[Transform, ...] = (
    Transform(
        "service-cluster-ip",
        "A cluster IP is allocated by its cluster and may be taken or out of range in the target;"
        " headless Services stay headless.",
        _SERVICES,
        change=_clear_cluster_ip,
        carry=_carry_cluster_ip,
    ),
    Transform(
        "service-node-ports",
        "A node port that the server allocated may be taken in the target, so a new one is allocated;"
        " one that the user set is kept.",
        _SERVICES,
        change=_clear_node_ports,
        carry=_carry_node_ports,
    ),
    Transform(
        "service-health-check-port",
        "The health check node port of a load balancer is kept only if the user set it, as other node ports.",
        _SERVICES,
        change=_clear_health_check_port,
        carry=_carry_health_check_port,
    ),
)
