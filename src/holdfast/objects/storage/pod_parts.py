"""Parts of a pod's specification that a mover takes over from the workload whose volume it moves."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from holdfast.objects.fields import Object, at, copied, items, text
from holdfast.objects.limits.pods import needs

_DEFAULT_SCHEDULER = "default-scheduler"
_LOST_NODES = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
"""The API server puts tolerations for these on all pods, for some minutes; a mover has its own."""
_CARRIED = ("cpu", "memory")
"""Of others, such as graphics processors, there are few, and a mover would take them from those that wait for them."""


def node_selector(spec: Object) -> dict[str, str]:
    return {name: value for name, value in at(spec, "nodeSelector").items() if isinstance(value, str)}


def node_affinity(spec: Object) -> Object:
    """Affinities to other pods stay behind: they speak of labels, and a mover has none of the workload's."""
    affinity: Object = copied(at(spec, "affinity", "nodeAffinity"))
    return affinity


def tolerations(spec: Object) -> list[Object]:
    found = items(spec, "tolerations")
    return [copied(one) for one in found if not (one.get("key") in _LOST_NODES and "tolerationSeconds" in one)]


def requests(spec: Object) -> dict[str, str]:
    """Processors and memory that a pod of this specification requests at its highest, as Kubernetes counts it."""
    own = {name: value for name, value in spec.items() if name != "overhead"}  # its runtime class adds that to any pod
    return {
        name: _quantity(amount) for name, amount in needs(own, "requests").items() if name in _CARRIED and amount > 0
    }


def scheduler(spec: Object) -> str:
    """Empty for the one that pods get if they name none."""
    name = text(spec, "schedulerName")
    return "" if name == _DEFAULT_SCHEDULER else name


def se_linux(spec: Object, containers: Iterable[Object]) -> dict[str, str]:
    """The level only: it decides who may read a volume's files. A user, role or type of its own would need more rights."""
    contexts = (at(one, "securityContext", "seLinuxOptions") for one in (*containers, spec))
    level = next((found for context in contexts if (found := text(context, "level"))), "")
    return {"level": level} if level else {}


def identity_number(spec: Object, containers: Iterable[Object], field: str) -> int | None:
    """Of the first container that says so, else of the pod. None for root: a mover that may be root needs no telling."""
    values = (at(one, "securityContext").get(field) for one in (*containers, spec))
    number = next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)
    return number or None


def _quantity(amount: Decimal) -> str:
    """In a spelling that every API server reads: whole numbers, or thousandths."""
    if amount == amount.to_integral_value():
        return f"{amount.to_integral_value():f}"
    return f"{(amount * 1000).to_integral_value(rounding='ROUND_CEILING'):f}m"
