"""Well-known defaults: values that an API server fills in where a field is absent.

A backup of an older server lacks fields that a newer one fills in, and a manifest lacks all of them. A field that is absent on
one side and has its default on the other is no difference. Real servers check the table in the tests: what they make of
objects with nothing but the necessary fields is no different from what they were sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
Rule = Callable[[Any, dict[str, Any]], bool]
"""Whether a value is the default, beside the other fields of its map."""

Defaults = Mapping[Path, Any]
"""Path (`*` for an item of a list) → the default, or a Rule where it depends on other fields."""

NONE: Defaults = {}


def is_default(defaults: Defaults, path: Path, value: Any, parent: dict[str, Any]) -> bool:
    """Whether a server would fill in `value` at `path` if it were absent; a map if all in it is so."""
    if path in defaults:
        wanted = defaults[path]
        if callable(wanted):
            return bool(wanted(value, parent))
        if value == wanted and isinstance(value, bool) == isinstance(wanted, bool):
            return True
    return (
        isinstance(value, dict)
        and bool(value)
        and all(is_default(defaults, (*path, key), below, value) for key, below in value.items())
    )


@functools.cache
def defaults_of(group_resource: str) -> Defaults:
    """All defaults of a kind (`deployments.apps`); none for kinds that Kubernetes does not define."""
    rows = {_path(text): value for text, value in _OF_KINDS.get(group_resource, {}).items()}
    for prefix in _POD_SPECS.get(group_resource, ()):
        rows |= {(*_path(prefix), *below): value for below, value in _pod_spec()}
        if group_resource.endswith(".batch"):
            del rows[*_path(prefix), "restartPolicy"]  # Jobs have to say it
    return rows


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _same_as(field: str) -> Rule:
    return lambda value, parent: value == parent.get(field)


def _empty_metadata(value: Any, _: dict[str, Any]) -> bool:
    """Servers before 1.34 add `creationTimestamp: null`."""
    return value in ({}, {"creationTimestamp": None})


def _pull_policy(value: Any, container: dict[str, Any]) -> bool:
    """`Always` for the tag `latest` and for images without tag and digest."""
    name = str(container.get("image", "")).rpartition("/")[2]
    _, _, tag = name.partition(":")
    is_latest = "@" not in name and tag in ("", "latest")
    return bool(value == ("Always" if is_latest else "IfNotPresent"))


def _one_family(value: Any, service: dict[str, Any]) -> bool:
    """Which of IPv4 and IPv6 is the cluster's."""
    return isinstance(value, list) and len(value) == 1 and service.get("ipFamilyPolicy") in (None, "SingleStack")


def _policy_types(value: Any, spec: dict[str, Any]) -> bool:
    return bool(value == (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]))


def _subject_group(value: Any, subject: dict[str, Any]) -> bool:
    return bool(value == ("" if subject.get("kind") == "ServiceAccount" else "rbac.authorization.k8s.io"))


def _list_kind(value: Any, names: dict[str, Any]) -> bool:
    return bool(value == f"{names.get('kind')}List")


def _singular(value: Any, names: dict[str, Any]) -> bool:
    return bool(value == str(names.get("kind", "")).lower())


_CONTAINER: dict[str, Any] = {
    "imagePullPolicy": _pull_policy,
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "ports.*.protocol": "TCP",
    "env.*.valueFrom.fieldRef.apiVersion": "v1",
    "lifecycle.postStart.httpGet.path": "/",
    "lifecycle.postStart.httpGet.scheme": "HTTP",
    "lifecycle.preStop.httpGet.path": "/",
    "lifecycle.preStop.httpGet.scheme": "HTTP",
}
_PROBE: dict[str, Any] = {
    "failureThreshold": 3,
    "periodSeconds": 10,
    "successThreshold": 1,
    "timeoutSeconds": 1,
    "httpGet.path": "/",
    "httpGet.scheme": "HTTP",
    "grpc.service": "",
}
_VOLUME: dict[str, Any] = {
    "configMap.defaultMode": 0o644,
    "downwardAPI.defaultMode": 0o644,
    "downwardAPI.items.*.fieldRef.apiVersion": "v1",
    "ephemeral.volumeClaimTemplate.metadata": _empty_metadata,
    "ephemeral.volumeClaimTemplate.spec.volumeMode": "Filesystem",
    "hostPath.type": "",
    "projected.defaultMode": 0o644,
    "projected.sources.*.downwardAPI.items.*.fieldRef.apiVersion": "v1",
    "projected.sources.*.serviceAccountToken.expirationSeconds": 3600,
    "secret.defaultMode": 0o644,
}
_POD: dict[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "serviceAccount": _same_as("serviceAccountName"),
    "terminationGracePeriodSeconds": 30,
}


def _pod_spec() -> Iterator[tuple[Path, Any]]:
    for field, value in _POD.items():
        yield _path(field), value
    for field, value in _VOLUME.items():
        yield ("volumes", "*", *_path(field)), value
    for containers in ("containers", "initContainers"):
        for field, value in _CONTAINER.items():
            yield (containers, "*", *_path(field)), value
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            for field, value in _PROBE.items():
                yield (containers, "*", probe, *_path(field)), value


_TEMPLATE = ("spec.template.spec",)
_POD_SPECS: dict[str, tuple[str, ...]] = {
    "cronjobs.batch": ("spec.jobTemplate.spec.template.spec",),
    "daemonsets.apps": _TEMPLATE,
    "deployments.apps": _TEMPLATE,
    "jobs.batch": _TEMPLATE,
    "pods": ("spec",),
    "podtemplates": ("template.spec",),
    "replicasets.apps": _TEMPLATE,
    "replicationcontrollers": _TEMPLATE,
    "statefulsets.apps": _TEMPLATE,
}
_WEBHOOK: dict[str, Any] = {
    "webhooks.*.clientConfig.service.port": 443,
    "webhooks.*.failurePolicy": "Fail",
    "webhooks.*.matchPolicy": "Equivalent",
    "webhooks.*.namespaceSelector": {},
    "webhooks.*.objectSelector": {},
    "webhooks.*.rules.*.scope": "*",
    "webhooks.*.timeoutSeconds": 10,
}
_BINDING: dict[str, Any] = {
    "roleRef.apiGroup": "rbac.authorization.k8s.io",
    "subjects.*.apiGroup": _subject_group,
}
_OF_KINDS: dict[str, dict[str, Any]] = {
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "cronjobs.batch": {
        "spec.concurrencyPolicy": "Allow",
        "spec.failedJobsHistoryLimit": 1,
        "spec.jobTemplate.metadata": _empty_metadata,
        "spec.successfulJobsHistoryLimit": 3,
        "spec.suspend": False,
    },
    "customresourcedefinitions.apiextensions.k8s.io": {
        "spec.conversion.strategy": "None",
        "spec.names.listKind": _list_kind,
        "spec.names.singular": _singular,
    },
    "daemonsets.apps": {
        "spec.revisionHistoryLimit": 10,
        "spec.updateStrategy.rollingUpdate.maxSurge": 0,
        "spec.updateStrategy.rollingUpdate.maxUnavailable": 1,
        "spec.updateStrategy.type": "RollingUpdate",
    },
    "deployments.apps": {
        "spec.progressDeadlineSeconds": 600,
        "spec.replicas": 1,
        "spec.revisionHistoryLimit": 10,
        "spec.strategy.rollingUpdate.maxSurge": "25%",
        "spec.strategy.rollingUpdate.maxUnavailable": "25%",
        "spec.strategy.type": "RollingUpdate",
    },
    "horizontalpodautoscalers.autoscaling": {"spec.minReplicas": 1},
    "jobs.batch": {
        "spec.backoffLimit": 6,
        "spec.completionMode": "NonIndexed",
        "spec.completions": 1,
        "spec.parallelism": 1,
        "spec.podReplacementPolicy": "TerminatingOrFailed",
        "spec.suspend": False,
    },
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOK | {"webhooks.*.reinvocationPolicy": "Never"},
    "namespaces": {"spec.finalizers": ["kubernetes"]},
    "networkpolicies.networking.k8s.io": {
        "spec.egress.*.ports.*.protocol": "TCP",
        "spec.ingress.*.ports.*.protocol": "TCP",
        "spec.policyTypes": _policy_types,
    },
    "persistentvolumeclaims": {"spec.volumeMode": "Filesystem"},
    "persistentvolumes": {
        "spec.hostPath.type": "",
        "spec.persistentVolumeReclaimPolicy": "Retain",
        "spec.volumeMode": "Filesystem",
    },
    "priorityclasses.scheduling.k8s.io": {"preemptionPolicy": "PreemptLowerPriority"},
    "replicasets.apps": {"spec.replicas": 1},
    "replicationcontrollers": {"spec.replicas": 1},
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "secrets": {"type": "Opaque"},
    "services": {
        "spec.allocateLoadBalancerNodePorts": True,
        "spec.externalTrafficPolicy": "Cluster",
        "spec.internalTrafficPolicy": "Cluster",
        "spec.ipFamilies": _one_family,
        "spec.ipFamilyPolicy": "SingleStack",
        "spec.ports.*.protocol": "TCP",
        "spec.ports.*.targetPort": _same_as("port"),
        "spec.sessionAffinity": "None",
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds": 10800,
        "spec.type": "ClusterIP",
    },
    "statefulsets.apps": {
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted": "Retain",
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Retain",
        "spec.podManagementPolicy": "OrderedReady",
        "spec.replicas": 1,
        "spec.revisionHistoryLimit": 10,
        "spec.updateStrategy.rollingUpdate.partition": 0,
        "spec.updateStrategy.type": "RollingUpdate",
        "spec.volumeClaimTemplates.*.apiVersion": "v1",
        "spec.volumeClaimTemplates.*.kind": "PersistentVolumeClaim",
        "spec.volumeClaimTemplates.*.spec.volumeMode": "Filesystem",
        "spec.volumeClaimTemplates.*.status.phase": "Pending",
    },
    "storageclasses.storage.k8s.io": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOK,
}
"""Sorted by kind, then by field."""
