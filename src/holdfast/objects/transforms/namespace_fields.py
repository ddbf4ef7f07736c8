"""Fields of known kinds that name a namespace, beside those that have a row of their own, and the row that maps them.

A path is written as in a plan: `[]` goes through the items of a list, `*-end` through the fields of a map that end so.
Texts of which a namespace is only a part (`gateway/name`, DNS names, environment variables) are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.objects.fields import Object
from holdfast.objects.transforms.transform import Context, Transform

_SECRET_OF_DRIVER = (
    "controllerExpandSecretRef",
    "controllerPublishSecretRef",
    "nodeExpandSecretRef",
    "nodePublishSecretRef",
    "nodeStageSecretRef",
)
_BACKENDS = (
    "spec.parentRefs[].namespace",
    "spec.rules[].backendRefs[].namespace",
    "spec.rules[].backendRefs[].filters[].requestMirror.backendRef.namespace",
    "spec.rules[].filters[].requestMirror.backendRef.namespace",
)
_MONITOR = ("spec.namespaceSelector.matchNames[]",)
_FLUX = ("spec.sourceRef.namespace", "spec.targetNamespace", "spec.dependsOn[].namespace")

NAMESPACE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "PersistentVolumeClaim": ("spec.dataSourceRef.namespace",),
    "PersistentVolume": (
        *(f"spec.csi.{reference}.namespace" for reference in _SECRET_OF_DRIVER),
        "spec.azureFile.secretNamespace",
        "spec.cephfs.secretRef.namespace",
        "spec.flexVolume.secretRef.namespace",
        "spec.iscsi.secretRef.namespace",
        "spec.rbd.secretRef.namespace",
        "spec.scaleIO.secretRef.namespace",
        "spec.storageos.secretRef.namespace",
    ),
    "StorageClass.storage.k8s.io": ("parameters.*-secret-namespace",),
    "Endpoints": ("subsets[].addresses[].targetRef.namespace", "subsets[].notReadyAddresses[].targetRef.namespace"),
    "EndpointSlice.discovery.k8s.io": ("endpoints[].targetRef.namespace",),
    "IngressClass.networking.k8s.io": ("spec.parameters.namespace",),
    "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": ("spec.paramRef.namespace",),
    "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io": ("spec.paramRef.namespace",),
    "Gateway.gateway.networking.k8s.io": (
        "spec.listeners[].tls.certificateRefs[].namespace",
        "spec.listeners[].tls.frontendValidation.caCertificateRefs[].namespace",
    ),
    "GatewayClass.gateway.networking.k8s.io": ("spec.parametersRef.namespace",),
    "HTTPRoute.gateway.networking.k8s.io": _BACKENDS,
    "GRPCRoute.gateway.networking.k8s.io": _BACKENDS,
    "TCPRoute.gateway.networking.k8s.io": _BACKENDS[:2],
    "TLSRoute.gateway.networking.k8s.io": _BACKENDS[:2],
    "UDPRoute.gateway.networking.k8s.io": _BACKENDS[:2],
    "ReferenceGrant.gateway.networking.k8s.io": ("spec.from[].namespace",),
    "VolumeSnapshotContent.snapshot.storage.k8s.io": ("spec.volumeSnapshotRef.namespace",),
    "ServiceMonitor.monitoring.coreos.com": _MONITOR,
    "PodMonitor.monitoring.coreos.com": _MONITOR,
    "Probe.monitoring.coreos.com": (
        "spec.targets.ingress.namespaceSelector.matchNames[]",
        "spec.targets.staticConfig.namespaceSelector.matchNames[]",
    ),
    "Prometheus.monitoring.coreos.com": ("spec.alerting.alertmanagers[].namespace",),
    "Application.argoproj.io": ("spec.destination.namespace",),
    "AppProject.argoproj.io": ("spec.destinations[].namespace", "spec.sourceNamespaces[]"),
    "Kustomization.kustomize.toolkit.fluxcd.io": _FLUX,
    "HelmRelease.helm.toolkit.fluxcd.io": (
        "spec.chart.spec.sourceRef.namespace",
        "spec.chartRef.namespace",
        "spec.storageNamespace",
        "spec.targetNamespace",
        "spec.dependsOn[].namespace",
    ),
}
"""`Kind.group` → paths"""


def _map_fields(obj: Object, context: Context) -> None:
    namespaces = context.mapping.namespaces
    if not namespaces:
        return
    for path in NAMESPACE_FIELDS.get(_kind(obj), ()):
        for holder, key in places(obj, path.replace("[]", ".[]").split(".")):
            if isinstance(holder[key], str):
                holder[key] = namespaces[holder[key]]


def _kind(obj: Object) -> str:
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return f"{obj.get('kind')}.{group}" if slash else str(obj.get("kind"))


def places(value: Any, path: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """(map or list, key or index) of each field at `path` that is there."""
    step, *rest = path
    for key in _keys(value, step):
        if rest:
            yield from places(value[key], rest)
        else:
            yield value, key


def _keys(value: Any, step: str) -> Sequence[Any]:
    if step == "[]":
        return range(len(value)) if isinstance(value, list) else ()
    if not isinstance(value, dict):
        return ()
    if step.startswith("*"):
        return [key for key in value if key.endswith(step[1:])]
    return (step,) if step in value else ()


NAMESPACE_REFERENCES: tuple[Transform, ...] = (
    Transform(
        "namespace-fields",
        "With --map-namespace, the fields of known kinds that name a namespace (routes, grants, monitors, secrets of storage"
        " drivers, targets of Argo CD and Flux, …) name the new one.",
        change=_map_fields,
    ),
)
