"""What is never backed up, as a table with a reason for each row. `docs/selection.md` prints it.

A row excludes whole kinds, which are then not even listed, or single objects, by a look at their metadata. The reasons
are of four sorts: the object describes the machine or the moment, something remakes it, it would do harm when it is
created again, or somebody asked for it with a label. Whatever is not in this table is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.model.kubernetes import Resource
from holdfast.objects.metadata import Glimpse

OPT_OUT_LABELS = ("holdfast.dev/exclude-from-backup", "velero.io/exclude-from-backup")
SYSTEM_PRIORITY_PREFIX = "system-"  # reserved for Kubernetes' own PriorityClasses

_REMADE = "controlled-pods"
_GENERATED_SUFFIX = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}")  # the alphabet of names that Kubernetes generates
_GENERATED_BASE_MAX = 58  # longer names are cut before the suffix is added
_ROLE_AGGREGATOR = frozenset({"clusterrole-aggregation-controller", "kube-controller-manager"})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One row. The kinds are named, or are all of some groups, or (with neither) all there are."""

    id: str
    what: str  # which objects, for people
    reason: str  # one sentence without its full stop, as dry runs print it
    kinds: frozenset[str] = frozenset()  # `pods`, `leases.coordination.k8s.io`
    groups: frozenset[str] = frozenset()
    required_verbs: frozenset[str] = frozenset()  # only kinds that lack one of them are meant
    matches: Callable[[Glimpse], bool] | None = None  # None: every object of the kinds

    @property
    def is_about_every_kind(self) -> bool:
        """Whether the object is going, or somebody wants it out: not that something remakes objects of its kind."""
        return self.matches is not None and not self.kinds


def excluded_kind(resource: Resource) -> Exclusion | None:
    """The row that excludes the whole kind, so that it need not be listed; None if its objects are to be looked at."""
    row = _KINDS.get(resource.group_resource) or _GROUPS.get(resource.group)
    if row is None:
        row = next((row for row in _VERBS if not row.required_verbs <= resource.verbs), None)
    return row


def excluded_object(resource: Resource, seen: Glimpse) -> Exclusion | None:
    """The row that excludes this object, or None. Verbs are not looked at: the object is there."""
    kind = resource.group_resource
    row = _KINDS.get(kind) or _GROUPS.get(resource.group)
    if row is not None:
        return row
    for row in _OBJECTS.get(kind, _EVERY_KIND):
        if row.matches is not None and row.matches(seen):
            return row
    return None


def is_remade_pod(seen: Glimpse) -> bool:
    """Whether a pod is left out only because its controller makes it again: it still is part of the application."""
    return _is_controlled(seen) and not any(
        row.matches and row.matches(seen) for row in _OBJECTS["pods"] if row.id != _REMADE
    )


def _is_controlled(seen: Glimpse) -> bool:
    return seen.controller is not None


def _is_controlled_by_pod(seen: Glimpse) -> bool:
    return (owner := seen.controller) is not None and owner.kind == "Pod" and owner.api_version == "v1"


def _is_api_server_address(seen: Glimpse) -> bool:
    return seen.name == "kubernetes" and seen.namespace == "default"


def _is_made_by_endpoints_controller(seen: Glimpse) -> bool:
    """The label exists since Kubernetes 1.33. Before, the trigger annotation or the manager's name tell."""
    return (
        seen.labels.get("endpoints.kubernetes.io/managed-by") == "endpoint-controller"
        or "endpoints.kubernetes.io/last-change-trigger-time" in seen.annotations
        or not seen.managers.isdisjoint({"kube-controller-manager", "endpoint-controller"})
    )


def _is_made_by_endpoint_slice_controllers(seen: Glimpse) -> bool:
    return seen.labels.get("endpointslice.kubernetes.io/managed-by") in {
        "endpointslice-controller.k8s.io",
        "endpointslicemirroring-controller.k8s.io",
    }


def _is_generated_token(seen: Glimpse) -> bool:
    """`<account>-token-xxxxx` as clusters before 1.24 made them. Tokens that somebody asked for have other names."""
    account = seen.annotations.get("kubernetes.io/service-account.name")
    if seen.type != "kubernetes.io/service-account-token" or account is None:
        return False
    base = f"{account}-token-"[:_GENERATED_BASE_MAX]
    return seen.name.startswith(base) and _GENERATED_SUFFIX.fullmatch(seen.name[len(base) :]) is not None


def _is_untouched_bootstrap(seen: Glimpse) -> bool:
    """The server remakes its own rules and subjects at each start, but not what somebody added to them.

    An object with a second writer, or one that the server was told not to reconcile, is therefore kept. The first
    writer has different names in different distributions, so writers are counted, not named.
    """
    return (
        seen.labels.get("kubernetes.io/bootstrapping") == "rbac-defaults"
        and seen.annotations.get("rbac.authorization.kubernetes.io/autoupdate") != "false"
        and len(seen.managers - _ROLE_AGGREGATOR) <= 1
    )


def _is_server_config_map(seen: Glimpse) -> bool:
    return seen.namespace == "kube-system" and seen.name in {
        "extension-apiserver-authentication",
        "kube-apiserver-legacy-service-account-token-tracking",
    }


def _is_opted_out(seen: Glimpse) -> bool:
    return any(seen.labels.get(label) == "true" for label in OPT_OUT_LABELS)


def _is_made_by_holdfast(seen: Glimpse) -> bool:
    return seen.labels.get("app.kubernetes.io/managed-by") == "holdfast" and "holdfast.dev/kind" in seen.labels


def _is_of_a_run(seen: Glimpse) -> bool:
    return seen.labels.get("app.kubernetes.io/managed-by") == "holdfast" and "holdfast.dev/run" in seen.labels


def _rbac(*plurals: str) -> frozenset[str]:
    return frozenset(f"{plural}.rbac.authorization.k8s.io" for plural in plurals)


NEVER_BACKED_UP: tuple[Exclusion, ...] = (
    Exclusion(
        "events",
        "Events, in both of their groups",
        "events tell what happened in this cluster and expire within hours",
        kinds=frozenset({"events", "events.events.k8s.io"}),
    ),
    Exclusion(
        "leases",
        "Leases and LeaseCandidates",
        "leases say who leads or lives right now, and their holders write them again",
        kinds=frozenset({"leases.coordination.k8s.io", "leasecandidates.coordination.k8s.io"}),
    ),
    Exclusion(
        "nodes",
        "Nodes and CSINodes",
        "nodes are machines of this cluster, and each kubelet registers its own",
        kinds=frozenset({"nodes", "csinodes.storage.k8s.io"}),
    ),
    Exclusion(
        "volume-attachments",
        "VolumeAttachments",
        "they attach volumes to this cluster's nodes, and the attach controller makes them again",
        kinds=frozenset({"volumeattachments.storage.k8s.io"}),
    ),
    Exclusion(
        "storage-capacities",
        "CSIStorageCapacities",
        "storage drivers measure and publish free space themselves",
        kinds=frozenset({"csistoragecapacities.storage.k8s.io"}),
    ),
    Exclusion(
        "resource-slices",
        "ResourceSlices",
        "device drivers publish what hardware their nodes have",
        kinds=frozenset({"resourceslices.resource.k8s.io"}),
    ),
    Exclusion(
        "component-statuses",
        "ComponentStatuses",
        "they are health checks made at the moment of asking, not stored objects",
        kinds=frozenset({"componentstatuses"}),
    ),
    Exclusion(
        "metrics",
        "everything in the groups metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io",
        "measurements are of the moment and cannot be created",
        groups=frozenset({"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"}),
    ),
    Exclusion(
        "storage-versions",
        "StorageVersions",
        "API servers publish which encoding they write to etcd",
        kinds=frozenset({"storageversions.internal.apiserver.k8s.io"}),
    ),
    Exclusion(
        "certificate-requests",
        "CertificateSigningRequests and PodCertificateRequests",
        "a request for a certificate is answered once by this cluster's signer and then expires",
        kinds=frozenset(
            {"certificatesigningrequests.certificates.k8s.io", "podcertificaterequests.certificates.k8s.io"}
        ),
    ),
    Exclusion(
        "twin-groups",
        "everything in the group extensions",
        "the same objects are served, and backed up, in apps, networking.k8s.io and policy",
        groups=frozenset({"extensions"}),
    ),
    Exclusion(
        "holdfast-runs",
        "Backups and Restores of holdfast.dev",
        "they ask for a run, and created again they would run again",
        kinds=frozenset({"backups.holdfast.dev", "restores.holdfast.dev"}),
    ),
    Exclusion(
        "holdfast-jobs",
        "CronJobs, Jobs and Pods that Holdfast made for its objects"
        " (the labels app.kubernetes.io/managed-by=holdfast and holdfast.dev/kind)",
        "the controller makes them again from the BackupPlan or StorageLocation, and a copy would run beside its original",
        kinds=frozenset({"cronjobs.batch", "jobs.batch", "pods"}),
        matches=_is_made_by_holdfast,
    ),
    Exclusion(
        "velero-runs",
        "Backups, Restores and other requests of velero.io",
        "they ask Velero for a run, and created again they would run again",
        kinds=frozenset(
            f"{plural}.velero.io"
            for plural in (
                "backups",
                "datadownloads",
                "datauploads",
                "deletebackuprequests",
                "downloadrequests",
                "podvolumebackups",
                "podvolumerestores",
                "restores",
                "serverstatusrequests",
            )
        ),
    ),
    Exclusion(
        "not-storable",
        "kinds that cannot be listed or cannot be created",
        "what cannot be listed cannot be read, and what cannot be created cannot be restored",
        required_verbs=frozenset({"list", "create"}),
    ),
    Exclusion(
        "mirror-pods",
        "Pods with the annotation kubernetes.io/config.mirror",
        "a static pod is a file on its node, and the kubelet only shows it",
        kinds=frozenset({"pods"}),
        matches=lambda seen: "kubernetes.io/config.mirror" in seen.annotations,
    ),
    Exclusion(
        _REMADE,
        "Pods that have a controller",
        "its controller makes the pod again",
        kinds=frozenset({"pods"}),
        matches=_is_controlled,
    ),
    Exclusion(
        "controller-revisions",
        "ControllerRevisions that have a controller",
        "the StatefulSet or DaemonSet writes its revisions again",
        kinds=frozenset({"controllerrevisions.apps"}),
        matches=_is_controlled,
    ),
    Exclusion(
        "ephemeral-volume-claims",
        "PersistentVolumeClaims whose controller is a Pod",
        "an ephemeral volume lives and dies with its pod, and a new pod refuses the claim of an old one",
        kinds=frozenset({"persistentvolumeclaims"}),
        matches=_is_controlled_by_pod,
    ),
    Exclusion(
        "pod-resource-claims",
        "ResourceClaims whose controller is a Pod",
        "the claim is made anew from its template for each pod",
        kinds=frozenset({"resourceclaims.resource.k8s.io"}),
        matches=_is_controlled_by_pod,
    ),
    Exclusion(
        "api-server-address",
        "Service, Endpoints and EndpointSlice `kubernetes` in the namespace default",
        "API servers publish their own address there",
        kinds=frozenset({"services", "endpoints", "endpointslices.discovery.k8s.io"}),
        matches=_is_api_server_address,
    ),
    Exclusion(
        "endpoints",
        "Endpoints that the endpoints controller makes",
        "the controller makes them again from Services and Pods; those of Services without a selector are kept",
        kinds=frozenset({"endpoints"}),
        matches=_is_made_by_endpoints_controller,
    ),
    Exclusion(
        "endpoint-slices",
        "EndpointSlices that Kubernetes' own controllers make",
        "the controllers make them again from Services, Pods and Endpoints; other slices are kept",
        kinds=frozenset({"endpointslices.discovery.k8s.io"}),
        matches=_is_made_by_endpoint_slice_controllers,
    ),
    Exclusion(
        "cluster-certificates",
        "ConfigMaps `kube-root-ca.crt` and `openshift-service-ca.crt`",
        "each namespace of each cluster gets that cluster's own certificates there",
        kinds=frozenset({"configmaps"}),
        matches=lambda seen: seen.name in {"kube-root-ca.crt", "openshift-service-ca.crt"},
    ),
    Exclusion(
        "server-config-maps",
        "ConfigMaps `extension-apiserver-authentication` and `kube-apiserver-legacy-service-account-token-tracking`"
        " in kube-system",
        "API servers write them for their own cluster",
        kinds=frozenset({"configmaps"}),
        matches=_is_server_config_map,
    ),
    Exclusion(
        "generated-tokens",
        "Secrets `<account>-token-xxxxx` of the type kubernetes.io/service-account-token, as older clusters made them",
        "the token opens this cluster only, and is generated; tokens with a name of their own are kept",
        kinds=frozenset({"secrets"}),
        matches=_is_generated_token,
    ),
    Exclusion(
        "bootstrap-tokens",
        "Secrets of the type bootstrap.kubernetes.io/token",
        "such a token lets machines join this cluster; restored elsewhere it would let them join there",
        kinds=frozenset({"secrets"}),
        matches=lambda seen: seen.type == "bootstrap.kubernetes.io/token",
    ),
    Exclusion(
        "automanaged-api-services",
        "APIServices with the label kube-aggregator.kubernetes.io/automanaged",
        "API servers make them for built-in groups and for CustomResourceDefinitions",
        kinds=frozenset({"apiservices.apiregistration.k8s.io"}),
        matches=lambda seen: "kube-aggregator.kubernetes.io/automanaged" in seen.labels,
    ),
    Exclusion(
        "bootstrap-rbac",
        "roles and bindings with the label kubernetes.io/bootstrapping=rbac-defaults that nobody has edited",
        "API servers make their default roles and bindings at each start",
        kinds=_rbac("clusterroles", "clusterrolebindings", "roles", "rolebindings"),
        matches=_is_untouched_bootstrap,
    ),
    Exclusion(
        "system-priority-classes",
        "PriorityClasses `system-*`",
        "that prefix is reserved for the classes that API servers make",
        kinds=frozenset({"priorityclasses.scheduling.k8s.io"}),
        matches=lambda seen: seen.name.startswith(SYSTEM_PRIORITY_PREFIX),
    ),
    Exclusion(
        "flow-control",
        "FlowSchemas and PriorityLevelConfigurations with the annotation apf.kubernetes.io/autoupdate-spec=true",
        "API servers make them and overwrite changes; those whose annotation somebody set to false are kept",
        kinds=frozenset(
            {
                "flowschemas.flowcontrol.apiserver.k8s.io",
                "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            }
        ),
        matches=lambda seen: seen.annotations.get("apf.kubernetes.io/autoupdate-spec") == "true",
    ),
    Exclusion(
        "allocated-addresses",
        "IPAddresses with the label ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io",
        "API servers note in them which Service has which address",
        kinds=frozenset({"ipaddresses.networking.k8s.io"}),
        matches=lambda seen: seen.labels.get("ipaddress.kubernetes.io/managed-by") == "ipallocator.k8s.io",
    ),
    Exclusion(
        "default-service-cidr",
        "ServiceCIDR `kubernetes`",
        "API servers make it from their own flags",
        kinds=frozenset({"servicecidrs.networking.k8s.io"}),
        matches=lambda seen: seen.name == "kubernetes",
    ),
    Exclusion(
        "holdfast-movers",
        "what a run of Holdfast makes for its movers: Jobs and Pods, claims and PersistentVolumes, a Lease and a Secret"
        " (the labels app.kubernetes.io/managed-by=holdfast and holdfast.dev/run)",
        "the run removes it at its end, and the data is in the backup of the claim that it is for",
        matches=_is_of_a_run,
    ),
    Exclusion(
        "being-deleted",
        "objects with a deletionTimestamp",
        "it is being deleted",
        matches=lambda seen: seen.is_being_deleted,
    ),
    Exclusion(
        "opted-out",
        f"objects with the label {' or '.join(f'{label}=true' for label in OPT_OUT_LABELS)};"
        " on a Namespace the label holds for everything in it",
        "its label asks to stay out of backups",
        matches=_is_opted_out,
    ),
)

# Each look-up is one dictionary access, because every object of a backup passes here.
_KINDS = {kind: row for row in NEVER_BACKED_UP if row.matches is None for kind in row.kinds}
_GROUPS = {group: row for row in NEVER_BACKED_UP if row.matches is None for group in row.groups}
_VERBS = tuple(row for row in NEVER_BACKED_UP if row.required_verbs)
_EVERY_KIND = tuple(row for row in NEVER_BACKED_UP if row.is_about_every_kind)
_OBJECTS = {
    kind: (*(row for row in NEVER_BACKED_UP if row.matches is not None and kind in row.kinds), *_EVERY_KIND)
    for kind in {kind for row in NEVER_BACKED_UP if row.matches is not None for kind in row.kinds}
}
