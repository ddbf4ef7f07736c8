"""The Job of a mover: a pod that reads or writes the files of one volume, where the volume can be and as who may do that.

It has no token and no labels of the workload, sees the volume read-only when it is to read, and never asks Kubernetes to change
whose the files are before it reads them (`fsGroup`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.api.names import MANAGED_BY, MANAGER, ROLE_LABEL, RUN_LABEL, VOLUME_ANNOTATION
from holdfast.api.pod_settings import PodSettings
from holdfast.manifests.jobs import FAILURE_POLICY
from holdfast.manifests.naming import Role
from holdfast.manifests.pods import USER, container_security, literally, pod_security
from holdfast.manifests.run_pod import CONTAINER, LEAVING_NODES, MOUNTS, RESULT, environment, volumes
from holdfast.model.placement import Placement
from holdfast.objects.limits.quantities import parse

VOLUME = "/volume"
"""Where a mover finds the volume."""
_RETRIES = 2
_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
_GRACE = 30  # seconds that a mover has to stop; what it stored is in the repository
_READING = ["DAC_OVERRIDE", "FOWNER"]  # reads all, and leaves times of access as they are
_WRITING = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"]
"""What root may do. All of it is allowed by the pod security standard `baseline`; all else is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverPod:
    """What one mover is to be."""

    name: str  # of its Job
    namespace: str
    run: str
    owner: Mapping[str, Any]  # an entry of ownerReferences: the run's Lease
    volume: str  # for people: "shop/data"
    claim: str  # of `namespace`
    writes: bool
    restricted: bool  # the namespace enforces `restricted`: no root there
    placement: Placement
    command: list[str]
    image: str
    url: str  # of the repository
    cluster: str  # its name
    secret: str
    resources: Mapping[str, Any] = field(default_factory=dict)  # empty: _RESOURCES
    settings: PodSettings = field(default_factory=PodSettings)


def run_labels(run: str) -> dict[str, str]:
    """By which everything that a run makes in a cluster is found."""
    return {MANAGED_BY: MANAGER, RUN_LABEL: run}


def mover_job(mover: MoverPod) -> dict[str, Any]:
    """A Job that makes another pod where one fails by no fault of the data, and runs at once."""
    labels = run_labels(mover.run) | {ROLE_LABEL: Role.MOVER.value}
    annotations = {VOLUME_ANNOTATION: mover.volume}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": mover.name,
            "namespace": mover.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [dict(mover.owner)],
        },
        "spec": {
            "backoffLimit": _RETRIES,
            "podFailurePolicy": FAILURE_POLICY,
            "template": {
                "metadata": {
                    "labels": mover.settings.labels | labels,
                    "annotations": mover.settings.annotations | annotations,
                },
                "spec": _pod(mover),
            },
        },
    }


def _pod(mover: MoverPod) -> dict[str, Any]:
    placement, settings = mover.placement, mover.settings
    optional = {
        "nodeSelector": {**settings.node_selector, **placement.node_selector},
        "affinity": _affinity(placement),
        "priorityClassName": settings.priority_class_name,
        "schedulerName": placement.scheduler,
        "runtimeClassName": placement.runtime_class,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE,
        "securityContext": _pod_security(mover),
        **{name: value for name, value in optional.items() if value},
        "tolerations": [*settings.tolerations, *map(dict, placement.tolerations), *LEAVING_NODES],
        "containers": [_container(mover)],
        "volumes": [
            # Files of the Secret belong to root, and nobody else is in the pod.
            *volumes(mover.secret, 0o444 if mover.restricted else 0o400),
            {"name": "volume", "persistentVolumeClaim": {"claimName": mover.claim}},
        ],
    }


def _container(mover: MoverPod) -> dict[str, Any]:
    security = container_security()
    if not mover.restricted:
        security["capabilities"]["add"] = _WRITING if mover.writes else _READING
    return {
        "name": CONTAINER,
        "image": mover.image,
        "args": literally(mover.command),
        "env": environment(mover.url, mover.cluster),
        "resources": _resources(mover),
        "securityContext": security,
        "volumeMounts": [
            *MOUNTS,
            {"name": "volume", "mountPath": VOLUME, **({} if mover.writes else {"readOnly": True})},
        ],
        "terminationMessagePath": RESULT,
        "terminationMessagePolicy": "File",
    }


def _pod_security(mover: MoverPod) -> dict[str, Any]:
    """As root if that is allowed; else as the workload, whose files they are."""
    placement = mover.placement
    security: dict[str, Any] = {**pod_security(), "runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
    del security["fsGroup"]
    if mover.restricted:
        user = placement.user or USER
        group = user if placement.group is None else placement.group
        security |= {"runAsNonRoot": True, "runAsUser": user, "runAsGroup": group}
        if mover.writes:  # a new volume belongs to root, and would not let anybody else in
            security |= {"fsGroup": group, "fsGroupChangePolicy": "OnRootMismatch"}
    if placement.se_linux:
        security["seLinuxOptions"] = dict(placement.se_linux)
    return security


def _resources(mover: MoverPod) -> dict[str, Any]:
    """No less is requested than the workload does, or the volume might be made on a node that has no room for it."""
    resources = {**(mover.resources or _RESOURCES)}
    requests = dict(resources.get("requests") or {})
    limits = dict(resources.get("limits") or {})
    for name, wanted in mover.placement.requests.items():
        if parse(wanted) > parse(requests.get(name, limits.get(name, "0"))):
            requests[name] = wanted
        if name in limits and parse(wanted) > parse(limits[name]):
            limits[name] = wanted
    return resources | {name: value for name, value in (("requests", requests), ("limits", limits)) if value}


def _affinity(placement: Placement) -> dict[str, Any]:
    """The workload's own, on no other nodes than those of the volume."""
    affinity = dict(placement.node_affinity)
    if placement.nodes:
        required = "requiredDuringSchedulingIgnoredDuringExecution"
        terms = (affinity.get(required) or {}).get("nodeSelectorTerms") or [{}]
        affinity[required] = {"nodeSelectorTerms": list(_on_nodes(terms, placement.nodes))}
    return {"nodeAffinity": affinity} if affinity else {}


def _on_nodes(terms: list[dict[str, Any]], nodes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """One of the terms must be met. Kubernetes takes one name of a node in each."""
    for term in terms:
        for node in nodes:
            field_ = {"key": "metadata.name", "operator": "In", "values": [node]}
            yield {**term, "matchFields": [*term.get("matchFields", ()), field_]}
