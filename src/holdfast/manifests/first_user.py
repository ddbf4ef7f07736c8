"""The Job of a stand-in: a pod that does nothing but want volumes where a workload's pod could run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from holdfast.api.names import ROLE_LABEL, STANDS_FOR_LABEL
from holdfast.api.pod_settings import PodSettings
from holdfast.manifests.mover import run_labels
from holdfast.manifests.naming import Role
from holdfast.manifests.pods import container_security, pod_security
from holdfast.manifests.run_pod import CONTAINER, LEAVING_NODES
from holdfast.objects.storage.first_users import FirstUser, apart
from holdfast.objects.storage.placement import restore_placement

_NEVER: dict[str, Any] = {"name": "never", "configMap": {"name": "holdfast-never", "optional": False}}
"""Nobody makes this ConfigMap. A kubelet waits for it before it starts the container that mounts it, and to wait is all that a
stand-in is to do: a pod that has ended does not count any more when others are to keep away from it.
"""


def first_user_job(
    user: FirstUser, name: str, namespace: str, *, run: str, owner: Mapping[str, Any], image: str, settings: PodSettings
) -> dict[str, Any]:
    """Its volumes are made as soon as it has a node. There it stays until the Job is deleted, so that others keep away."""
    group = {STANDS_FOR_LABEL: hashlib.sha256(str(user.workload).encode()).hexdigest()[:16]}
    labels = run_labels(run) | {ROLE_LABEL: Role.MOVER.value} | group
    placement = restore_placement(user.pod_spec)
    keeping = apart(user.pod_spec, run_labels(run) | group)
    affinity = {"nodeAffinity": dict(placement.node_affinity)} if placement.node_affinity else {}
    optional = {
        "nodeSelector": {**settings.node_selector, **placement.node_selector},
        "affinity": affinity | keeping.pop("affinity", {}),
        "schedulerName": placement.scheduler,
        "runtimeClassName": placement.runtime_class,
        **keeping,
    }
    security = pod_security()
    del security["fsGroup"]  # nothing is changed in a volume
    container = {
        "name": CONTAINER,
        "image": image,
        "resources": {"requests": dict(placement.requests), "limits": dict(placement.requests)},
        "securityContext": container_security(),
        "volumeMounts": [{"name": _NEVER["name"], "mountPath": "/never"}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [dict(owner)]},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": settings.labels | labels, "annotations": dict(settings.annotations)},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 0,
                    "securityContext": security,
                    **{field: value for field, value in optional.items() if value},
                    "tolerations": [*settings.tolerations, *map(dict, placement.tolerations), *LEAVING_NODES],
                    "containers": [container],
                    "volumes": [_NEVER, *_volumes(user)],
                },
            },
        },
    }


def _volumes(user: FirstUser) -> list[dict[str, Any]]:
    return [
        {"name": f"volume-{number}", "persistentVolumeClaim": {"claimName": claim}}
        for number, claim in enumerate(user.claims)
    ]
