"""Well-known moves: kinds that went from one version or group to another, and what that changes in an object.

A row says in which versions a kind was served before and where it is now. Without a `change` both say the same with the same
fields, so such a row is taken the other way, too: into a cluster that is older than the backup's. `docs/mapping-and-patching.md`
prints the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.model.kubernetes import Resource
from holdfast.objects.conversion import changes
from holdfast.objects.fields import Object


@dataclass(frozen=True, slots=True)
class Move:
    """One row. `kinds` is plural → kind; `reason` is what a plan says about each object."""

    group: str
    versions: tuple[str, ...]
    kinds: Mapping[str, str]
    to_group: str
    to_version: str
    reason: str = "the fields are the same"
    change: Callable[[Object], None] | None = None

    @property
    def to_api_version(self) -> str:
        return f"{self.to_group}/{self.to_version}"


def _same_group(group: str, versions: str, version: str, **kinds: str) -> Move:
    return Move(group, tuple(versions.split()), kinds, group, version)


def _changed(move: Move, change: Callable[[Object], None], reason: str) -> Move:
    return replace(move, change=change, reason=reason)


_SELECTOR = "the selector is written down, which apps/v1 demands"
_BY_HAND = _SELECTOR + "; without a strategy they were updated only by hand, and stay so"
_INGRESS = "backends name services and ports in another way, and paths have a type"

MOVES: tuple[Move, ...] = (
    Move(
        "extensions", ("v1beta1",), {"deployments": "Deployment", "replicasets": "ReplicaSet"},
        "apps", "v1", _SELECTOR, changes.workload,
    ),
    Move(
        "extensions", ("v1beta1",), {"daemonsets": "DaemonSet"},
        "apps", "v1", _BY_HAND, changes.workload_updated_by_hand,
    ),
    Move("apps", ("v1beta1", "v1beta2"), {"deployments": "Deployment"}, "apps", "v1", _SELECTOR, changes.workload),
    Move(
        "apps", ("v1beta2",), {"daemonsets": "DaemonSet", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"},
        "apps", "v1", _SELECTOR, changes.workload,
    ),
    Move(
        "apps", ("v1beta1",), {"statefulsets": "StatefulSet"},
        "apps", "v1", _BY_HAND, changes.workload_updated_by_hand,
    ),
    Move("extensions", ("v1beta1",), {"ingresses": "Ingress"}, "networking.k8s.io", "v1", _INGRESS, changes.ingress),
    Move("extensions", ("v1beta1",), {"networkpolicies": "NetworkPolicy"}, "networking.k8s.io", "v1"),
    _changed(
        _same_group("networking.k8s.io", "v1beta1", "v1", ingresses="Ingress"), changes.ingress, _INGRESS
    ),
    _changed(
        _same_group("networking.k8s.io", "v1beta1", "v1", ingressclasses="IngressClass"),
        changes.ingress_class, "parameters say that they are cluster-scoped",
    ),
    _same_group("networking.k8s.io", "v1beta1", "v1", ipaddresses="IPAddress", servicecidrs="ServiceCIDR"),
    _changed(
        _same_group("discovery.k8s.io", "v1beta1", "v1", endpointslices="EndpointSlice"),
        changes.endpoint_slice, "node and zone of an endpoint have fields of their own; other labels of the node are lost",
    ),
    _changed(
        _same_group("policy", "v1beta1", "v1", poddisruptionbudgets="PodDisruptionBudget"),
        changes.disruption_budget, "an empty selector goes on being for no pod",
    ),
    _same_group("batch", "v1beta1 v2alpha1", "v1", cronjobs="CronJob"),
    _same_group("autoscaling", "v2beta2", "v2", horizontalpodautoscalers="HorizontalPodAutoscaler"),
    _changed(
        _same_group("autoscaling", "v2beta1", "v2", horizontalpodautoscalers="HorizontalPodAutoscaler"),
        changes.autoscaler_v2beta1, "metrics name their target in another way",
    ),
    _changed(
        _same_group("autoscaling", "v1", "v2", horizontalpodautoscalers="HorizontalPodAutoscaler"),
        changes.autoscaler_v1, "the CPU target and what annotations said become metrics",
    ),
    _same_group(
        "rbac.authorization.k8s.io", "v1beta1", "v1", roles="Role", rolebindings="RoleBinding",
        clusterroles="ClusterRole", clusterrolebindings="ClusterRoleBinding",
    ),
    _changed(
        _same_group(
            "admissionregistration.k8s.io", "v1beta1", "v1",
            mutatingwebhookconfigurations="MutatingWebhookConfiguration",
            validatingwebhookconfigurations="ValidatingWebhookConfiguration",
        ),
        changes.webhooks, "side effects must be declared as none, and defaults of v1beta1 are written down",
    ),
    _same_group(
        "admissionregistration.k8s.io", "v1beta1", "v1", validatingadmissionpolicies="ValidatingAdmissionPolicy",
        validatingadmissionpolicybindings="ValidatingAdmissionPolicyBinding",
    ),
    _changed(
        _same_group("apiextensions.k8s.io", "v1beta1", "v1", customresourcedefinitions="CustomResourceDefinition"),
        changes.definition, "each version has its own schema; unknown fields are kept if they were",
    ),
    _same_group("apiregistration.k8s.io", "v1beta1", "v1", apiservices="APIService"),
    _same_group("scheduling.k8s.io", "v1beta1", "v1", priorityclasses="PriorityClass"),
    _same_group(
        "storage.k8s.io", "v1beta1", "v1", storageclasses="StorageClass", csidrivers="CSIDriver", csinodes="CSINode",
        volumeattachments="VolumeAttachment", volumeattributesclasses="VolumeAttributesClass",
    ),
    _same_group("coordination.k8s.io", "v1beta1", "v1", leases="Lease"),
    _same_group("node.k8s.io", "v1beta1", "v1", runtimeclasses="RuntimeClass"),
    _changed(
        _same_group("node.k8s.io", "v1alpha1", "v1", runtimeclasses="RuntimeClass"),
        changes.runtime_class_v1alpha1, "what was below spec is at the top",
    ),
    _same_group(
        "flowcontrol.apiserver.k8s.io", "v1beta3", "v1", flowschemas="FlowSchema",
        prioritylevelconfigurations="PriorityLevelConfiguration",
    ),
    _same_group(
        "resource.k8s.io", "v1beta2", "v1", deviceclasses="DeviceClass", resourceclaims="ResourceClaim",
        resourceclaimtemplates="ResourceClaimTemplate",
    ),
    _same_group("resource.k8s.io", "v1beta1", "v1", deviceclasses="DeviceClass"),
    _changed(
        _same_group(
            "resource.k8s.io", "v1beta1", "v1", resourceclaims="ResourceClaim",
            resourceclaimtemplates="ResourceClaimTemplate",
        ),
        changes.resource_claim, "a request has what it asks for below `exactly`",
    ),
    _same_group(
        "snapshot.storage.k8s.io", "v1beta1", "v1", volumesnapshots="VolumeSnapshot",
        volumesnapshotclasses="VolumeSnapshotClass", volumesnapshotcontents="VolumeSnapshotContent",
    ),
)  # fmt: skip


def moves_from(resource: Resource) -> Iterator[Move]:
    """Each way out of the kind's version, as rows that begin there."""
    return moves_of(resource.group, resource.version, plural=resource.plural)


def moves_of(group: str, version: str, *, plural: str = "", kind: str = "") -> Iterator[Move]:
    """The same for a kind that is known by its plural, or by its kind only, as references name it."""
    for move in _BOTH_WAYS:
        known = {name: other for name, other in move.kinds.items() if name == plural or (not plural and other == kind)}
        if move.group == group and version in move.versions and known:
            yield replace(move, kinds=known)


def _back(move: Move) -> Sequence[Move]:
    if move.change is not None:
        return ()
    return [
        replace(move, group=move.to_group, versions=(move.to_version,), to_group=move.group, to_version=version)
        for version in move.versions
        if move.to_group == move.group
    ]


_BOTH_WAYS = (*MOVES, *(back for move in MOVES for back in _back(move)))
