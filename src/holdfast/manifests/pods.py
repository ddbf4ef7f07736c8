"""What all pods of ours have in common: as little power as the pod security standard `restricted` asks, and a root directory
that cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

USER = 65532
"""The user that runs in Holdfast's image."""


def pod_security() -> dict[str, Any]:
    """`securityContext` of a pod. The group is that of the files of its volumes."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """`securityContext` of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def literally(arguments: Iterable[str]) -> list[str]:
    """A container's `args` that arrive as they are: Kubernetes would replace `$(NAME)` by a variable, and `$$` by one `$`."""
    return [argument.replace("$", "$$") for argument in arguments]


def from_pod(name: str, path: str) -> dict[str, Any]:
    """An environment variable with what a field of the pod itself says."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
