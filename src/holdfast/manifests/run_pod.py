"""The pod of a run: Holdfast's image with one command, as little power as possible, and the location's Secret as files.

No secret is an argument or an environment variable: those are shown by `kubectl describe` and in lists of processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.api.names import KIND_LABEL, MANAGED_BY, MANAGER, NAME_LABEL, OWNER_ANNOTATION, ROLE_LABEL
from holdfast.api.pod_settings import PodSettings
from holdfast.manifests.naming import Role, shortened
from holdfast.manifests.pods import container_security, from_pod, literally, pod_security

CONTAINER = "holdfast"
CREDENTIALS = "/run/holdfast/credentials"
RESULT = "/dev/termination-log"
IMAGE_VARIABLE = "HOLDFAST_IMAGE"
NAMESPACE_VARIABLE = "HOLDFAST_NAMESPACE"
SECRET_VARIABLE = "HOLDFAST_SECRET"  # noqa: S105 - the name of a variable, whose value is the name of a Secret
ACCOUNT_VARIABLE = "HOLDFAST_ACCOUNT"
"""By these a run knows how to make movers beside itself: with which image, where, with whose credentials and pull secrets."""
_CACHE = "/var/cache/holdfast"
_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_LIMITS = {"memory": "1Gi"}
_PATIENCE_WITH_NODES = 60  # seconds; by default Kubernetes waits for five minutes
LEAVING_NODES: list[dict[str, Any]] = [
    {
        "key": f"node.kubernetes.io/{state}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": _PATIENCE_WITH_NODES,
    }
    for state in ("not-ready", "unreachable")
]
"""Tolerations by which a pod soon leaves a node that does not answer."""
MOUNTS: list[dict[str, Any]] = [
    {"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True},
    {"name": "cache", "mountPath": _CACHE},
    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - see HOME
]
"""Where `volumes` go in the container."""


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
            "tolerations": [*settings.tolerations, *LEAVING_NODES],
            "containers": [_container(work, installation)],
            "volumes": volumes(work.secret),
        },
    }


def environment(url: str, cluster: str) -> list[dict[str, Any]]:
    """What Holdfast is told in a pod, whatever it does there."""
    variables = {
        "HOLDFAST_REPOSITORY": url,
        "HOLDFAST_CREDENTIALS": CREDENTIALS,
        "HOLDFAST_CLUSTER_NAME": cluster,
        "HOLDFAST_RESULT_FILE": RESULT,
        "HOLDFAST_CACHE_DIR": _CACHE,
        "HOME": "/tmp",  # noqa: S108 - a directory of this pod alone
    }
    return [
        *({"name": name, "value": value} for name, value in variables.items()),
        from_pod("HOLDFAST_POD_UID", "metadata.uid"),
    ]


def volumes(secret: str, mode: int = 0o440) -> list[dict[str, Any]]:
    """`spec.volumes`: the Secret's keys as files of that mode, and room to work in. `MOUNTS` says where they go."""
    return [
        {"name": "credentials", "secret": {"secretName": secret, "defaultMode": mode}},
        {"name": "cache", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]


def _container(work: Work, installation: Installation) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": installation.image,
        "args": literally([*work.command, "--progress=lines"]),
        "env": [
            *environment(work.url, installation.cluster),
            from_pod("HOLDFAST_JOB", "metadata.labels['batch.kubernetes.io/job-name']"),
            *_for_movers(work, installation),
        ],
        "resources": work.settings.resources or {"requests": _REQUESTS, "limits": _LIMITS},
        "securityContext": container_security(),
        "volumeMounts": MOUNTS,
        "terminationMessagePath": RESULT,
        "terminationMessagePolicy": "File",
    }


def _for_movers(work: Work, installation: Installation) -> list[dict[str, Any]]:
    """With what a run makes movers of its own."""
    if not work.moves_volumes:
        return []
    return [
        {"name": IMAGE_VARIABLE, "value": installation.image},
        {"name": SECRET_VARIABLE, "value": work.secret},
        from_pod(NAMESPACE_VARIABLE, "metadata.namespace"),
        from_pod(ACCOUNT_VARIABLE, "spec.serviceAccountName"),
    ]
