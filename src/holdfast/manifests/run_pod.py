"""The pod of a run: Holdfast's image with one command, as little power as possible, and the location's Secret as files.

No secret is an argument or an environment variable: those are shown by `kubectl describe` and in lists of processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.api.names import KIND_LABEL, MANAGED_BY, MANAGER, NAME_LABEL, OWNER_ANNOTATION, ROLE_LABEL
from holdfast.api.pod_settings import PodSettings
from holdfast.manifests.naming import Role, shortened
from holdfast.manifests.pods import container_security, from_pod, pod_security

CONTAINER = "holdfast"
CREDENTIALS = "/run/holdfast/credentials"
RESULT = "/dev/termination-log"
IMAGE_VARIABLE = "HOLDFAST_IMAGE"
NAMESPACE_VARIABLE = "HOLDFAST_NAMESPACE"
SECRET_VARIABLE = "HOLDFAST_SECRET"  # noqa: S105 - the name of a variable, whose value is the name of a Secret
"""By these a run knows how to make movers beside itself: with which image, where, and with whose credentials."""
_CACHE = "/var/cache/holdfast"
_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_LIMITS = {"memory": "1Gi"}
_PATIENCE_WITH_NODES = 60
"""Seconds after which a run leaves a node that does not answer; by default Kubernetes waits for five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What all pods of one cluster have in common."""

    namespace: str  # Holdfast's own
    image: str
    cluster: str  # UID of the namespace kube-system


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one pod does and for whom."""

    kind: str  # of our object
    name: str  # of the same
    namespace: str  # of the same, and of the pod
    role: Role
    command: list[str]
    url: str  # of the repository
    secret: str
    service_account: str = "default"
    settings: PodSettings = field(default_factory=PodSettings)

    @property
    def needs_token(self) -> bool:
        """Whether it speaks to the API server. Who only looks after a repository gets no token."""
        return self.role in (Role.BACKUP, Role.RESTORE)

    @property
    def moves_volumes(self) -> bool:
        """Whether it may make movers: other pods, which mount volumes."""
        return self.needs_token


def labels(kind: str, name: str, role: Role) -> dict[str, str]:
    """By which everything that is made for one of our objects is found."""
    return {MANAGED_BY: MANAGER, KIND_LABEL: kind, NAME_LABEL: shortened(name), ROLE_LABEL: role.value}


def pod_template(work: Work, installation: Installation) -> dict[str, Any]:
    """`spec.template` of a Job. It fits the pod security standard `restricted`."""
    settings = work.settings
    return {
        "metadata": {
            "labels": settings.labels | labels(work.kind, work.name, work.role),
            "annotations": settings.annotations | {OWNER_ANNOTATION: work.name},
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": work.service_account,
            "automountServiceAccountToken": work.needs_token,
            "enableServiceLinks": False,  # no variables about every Service of the namespace
            "terminationGracePeriodSeconds": 60,
            "securityContext": pod_security(),
            **({"nodeSelector": settings.node_selector} if settings.node_selector else {}),
            **({"priorityClassName": settings.priority_class_name} if settings.priority_class_name else {}),
            "tolerations": [*settings.tolerations, *_leaving("not-ready"), *_leaving("unreachable")],
            "containers": [_container(work, installation)],
            "volumes": [
                {"name": "credentials", "secret": {"secretName": work.secret, "defaultMode": 0o440}},
                {"name": "cache", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _container(work: Work, installation: Installation) -> dict[str, Any]:
    environment = {
        "HOLDFAST_REPOSITORY": work.url,
        "HOLDFAST_CREDENTIALS": CREDENTIALS,
        "HOLDFAST_CLUSTER_NAME": installation.cluster,
        "HOLDFAST_RESULT_FILE": RESULT,
        "HOLDFAST_CACHE_DIR": _CACHE,
        "HOME": "/tmp",  # noqa: S108 - a directory of this pod alone
    }
    if work.moves_volumes:
        environment |= {IMAGE_VARIABLE: installation.image, SECRET_VARIABLE: work.secret}
    return {
        "name": CONTAINER,
        "image": installation.image,
        "args": [*work.command, "--progress=lines"],
        "env": [
            *({"name": name, "value": value} for name, value in environment.items()),
            from_pod("HOLDFAST_JOB", "metadata.labels['batch.kubernetes.io/job-name']"),
            from_pod("HOLDFAST_POD_UID", "metadata.uid"),
            *([from_pod(NAMESPACE_VARIABLE, "metadata.namespace")] if work.moves_volumes else []),
        ],
        "resources": work.settings.resources or {"requests": _REQUESTS, "limits": _LIMITS},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True},
            {"name": "cache", "mountPath": _CACHE},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - see HOME
        ],
        "terminationMessagePath": RESULT,
        "terminationMessagePolicy": "File",
    }


def _leaving(state: str) -> list[dict[str, Any]]:
    return [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": _PATIENCE_WITH_NODES,
        }
    ]
