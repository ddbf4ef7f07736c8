"""How lists of built-in kinds are merged by a strategic merge patch: by which key, where the API server has one.

These are the `patchStrategy` and `patchMergeKey` of Kubernetes' own types, except for `status`, which is not restored. A list
that is not named here is replaced whole. The tables are compared with the OpenAPI document of real servers in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PRIMITIVES = ""
"""Instead of a merge key: the list is merged as a set of texts."""

BUILT_IN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
"""Their kinds have Go types in the API server; all others are custom, and a strategic merge patch is refused for them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is special in a map: lists that are merged by a key, fields that are replaced whole, and shapes further down."""

    lists: Mapping[str, str] = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()
    below: Mapping[str, Shape] = field(default_factory=dict)

    def of(self, name: str) -> Shape:
        return self.below.get(name, PLAIN)


PLAIN = Shape()

_METADATA = Shape({"finalizers": PRIMITIVES, "ownerReferences": "uid"})
_CONTAINER = Shape(
    {"env": "name", "ports": "containerPort", "volumeDevices": "devicePath", "volumeMounts": "mountPath"}
)
_VOLUME = Shape(below={"ephemeral": Shape(below={"volumeClaimTemplate": Shape(below={"metadata": _METADATA})})})
_POD_SPEC = Shape(
    {
        "containers": "name",
        "ephemeralContainers": "name",
        "hostAliases": "ip",
        "imagePullSecrets": "name",
        "initContainers": "name",
        "resourceClaims": "name",
        "schedulingGates": "name",
        "topologySpreadConstraints": "topologyKey",
        "volumes": "name",
    },
    below={
        "containers": _CONTAINER,
        "ephemeralContainers": _CONTAINER,
        "initContainers": _CONTAINER,
        "volumes": _VOLUME,
    },
)
_POD = Shape(below={"metadata": _METADATA, "spec": _POD_SPEC})


def _with_spec(spec: Shape) -> Shape:
    return Shape(below={"metadata": _METADATA, "spec": spec})


_WITH_TEMPLATE = Shape(below={"template": _POD})
_WEBHOOKS = Shape({"webhooks": "name"}, below={"metadata": _METADATA, "webhooks": Shape({"matchConditions": "name"})})
_ANY = Shape(below={"metadata": _METADATA})
_SHAPES: Mapping[str, Shape] = {
    "cronjobs.batch": _with_spec(
        Shape(below={"jobTemplate": Shape(below={"metadata": _METADATA, "spec": _WITH_TEMPLATE})})
    ),
    "csinodes.storage.k8s.io": _with_spec(Shape({"drivers": "name"})),
    "daemonsets.apps": _with_spec(_WITH_TEMPLATE),
    "deployments.apps": _with_spec(_WITH_TEMPLATE),
    "jobs.batch": _with_spec(_WITH_TEMPLATE),
    "mutatingadmissionpolicies.admissionregistration.k8s.io": _with_spec(Shape({"matchConditions": "name"})),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "nodes": _with_spec(Shape({"podCIDRs": PRIMITIVES})),
    "poddisruptionbudgets.policy": _with_spec(Shape(replaced=frozenset({"selector"}))),
    "pods": _POD,
    "podtemplates": Shape(below={"metadata": _METADATA, "template": _POD}),
    "replicasets.apps": _with_spec(_WITH_TEMPLATE),
    "replicationcontrollers": _with_spec(_WITH_TEMPLATE),
    "resourceclaimtemplates.resource.k8s.io": _with_spec(Shape(below={"metadata": _METADATA})),
    "serviceaccounts": Shape({"secrets": "name"}, below={"metadata": _METADATA}),
    "services": _with_spec(Shape({"ports": "port"})),
    "statefulsets.apps": _with_spec(_WITH_TEMPLATE),
    "validatingadmissionpolicies.admissionregistration.k8s.io": _with_spec(
        Shape({"matchConditions": "name", "variables": "name"})
    ),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
}


def shape_of(group_resource: str) -> Shape | None:
    """None for a kind that is not built in."""
    if group_resource.partition(".")[2] not in BUILT_IN_GROUPS:
        return None
    return _SHAPES.get(group_resource, _ANY)
