"""What the target has that volumes need: storage classes, drivers, nodes, and the pods that use claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused
from holdfast.objects.fields import Object, at, items, name_of, text
from holdfast.operations.restore.target import Target

_STORAGE = "storage.k8s.io"
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """None is what this account may not list: nothing is blocked for what nobody knows."""

    classes: Mapping[str, Object] | None = None
    drivers: frozenset[str] | None = None
    nodes: frozenset[str] | None = None  # values of their label `kubernetes.io/hostname`, and their names
    pods: Sequence[Object] = field(default_factory=tuple)  # of the namespaces that were asked for

    def with_planned(self, classes: Iterable[Object], drivers: Iterable[Object]) -> Surroundings:
        """And what the restore itself makes before there are claims."""
        more_classes = {name_of(one): one for one in classes}
        return Surroundings(
            classes=None if self.classes is None else {**more_classes, **self.classes},
            drivers=None if self.drivers is None else self.drivers | {name_of(one) for one in drivers},
            nodes=self.nodes,
            pods=self.pods,
        )

    @property
    def default_class(self) -> Object | None:
        """The class of claims that name none; the newest if several say that they are it, as the API server decides."""
        marked = [
            one
            for one in (self.classes or {}).values()
            if any(at(one, "metadata", "annotations").get(mark) == "true" for mark in _DEFAULT)
        ]
        return max(marked, key=lambda one: text(one, "metadata", "creationTimestamp"), default=None)


def look_around(target: Target, namespaces: Iterable[str]) -> Surroundings:
    """Raises ApiRefused for all but Forbidden, ClusterUnreachable."""
    classes = _listed(target, _STORAGE, "storageclasses")
    installed, on_nodes = (_listed(target, _STORAGE, plural) for plural in ("csidrivers", "csinodes"))
    nodes = _listed(target, "", "nodes")
    drivers: frozenset[str] | None = None
    if installed is not None and on_nodes is not None:
        # A driver need not have a CSIDriver, but each of its nodes names it.
        running = {text(driver, "name") for node in on_nodes for driver in items(node, "spec", "drivers")}
        drivers = frozenset({*map(name_of, installed), *running})
    return Surroundings(
        classes=None if classes is None else {name_of(one): one for one in classes},
        drivers=drivers,
        nodes=None
        if nodes is None
        else frozenset(name for node in nodes for name in (name_of(node), _hostname(node)) if name),
        pods=[pod for name in sorted(set(namespaces)) for pod in _listed(target, "", "pods", name) or ()],
    )


def _hostname(node: Object) -> str:
    return str(at(node, "metadata", "labels").get(HOSTNAME, ""))


def _listed(target: Target, group: str, plural: str, namespace: str = "") -> list[Object] | None:
    """None for what must not be listed, or is not served."""
    resource = target.surface.preferred(group, plural)
    if resource is None:
        return None
    try:
        found = whole(target.cluster.list(resource, namespace=namespace or None)).items
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return None
    return [msgspec.json.decode(data) for data in found]
