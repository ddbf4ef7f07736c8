"""The controller: two replicas, of which one is at work, with as little power as a pod can have."""

from __future__ import annotations

from typing import Any

from holdfast.manifests.pods import container_security, from_pod, pod_security
from holdfast.manifests.rbac import CONTROLLER_ACCOUNT

NAME = "holdfast-controller"
NOTIFICATIONS_SECRET = "holdfast-notifications"  # noqa: S105 - the name of a Secret
NOTIFICATIONS = "/run/holdfast/notifications"
"""Where the controller finds that Secret's keys; the directory is empty if there is no such Secret."""
PORT = 8080
POD_LABELS = {"app.kubernetes.io/name": "holdfast", "app.kubernetes.io/component": "controller"}
RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}

Object = dict[str, Any]


def deployment(namespace: str, image: object, replicas: object, resources: object) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": POD_LABELS},
            "template": {
                "metadata": {"labels": POD_LABELS},
                "spec": {
                    "serviceAccountName": CONTROLLER_ACCOUNT,
                    "automountServiceAccountToken": True,
                    "enableServiceLinks": False,
                    "securityContext": pod_security(),
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": POD_LABELS},
                        }
                    ],
                    "containers": [_container(image, resources)],
                    "volumes": [
                        {"name": "tmp", "emptyDir": {}},
                        {
                            "name": "notifications",
                            "secret": {"secretName": NOTIFICATIONS_SECRET, "optional": True, "defaultMode": 0o440},
                        },
                    ],
                },
            },
        },
    }


def metrics_service(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "holdfast-metrics", "namespace": namespace},
        "spec": {"selector": POD_LABELS, "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]},
    }


def disruption_budget(namespace: str) -> Object:
    """One at a time. Not `minAvailable`: with a single replica no node could be drained."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": POD_LABELS}},
    }


def _container(image: object, resources: object) -> Object:
    return {
        "name": "controller",
        "image": image,
        "args": ["controller"],
        "env": [
            {"name": "HOLDFAST_IMAGE", "value": image},  # of the pods that it has made
            from_pod("HOLDFAST_NAMESPACE", "metadata.namespace"),
            from_pod("HOLDFAST_POD_NAME", "metadata.name"),  # its name in the Lease
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - a directory of this pod alone
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": _probe("/healthz", every=20),
        "readinessProbe": _probe("/readyz", every=5),
        "resources": resources,
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - see HOME
            {"name": "notifications", "mountPath": NOTIFICATIONS, "readOnly": True},
        ],
    }


def _probe(path: str, *, every: int) -> Object:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": every, "timeoutSeconds": 5}
