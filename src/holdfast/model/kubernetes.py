"""Names of things in a Kubernetes API: a resource (a kind as served) and one object of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_REFERENCE = re.compile(rf"(?:({_NAME})/)?({_NAME})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as an API server serves it in one version."""

    group: str  # "" for the core group
    version: str  # "v1"
    plural: str  # "deployments"
    kind: str  # "Deployment"
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    singular: str = ""
    short_names: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()  # {"status", "scale"}

    @property
    def group_resource(self) -> str:
        """`deployments.apps`; `configmaps` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """As in an object's apiVersion: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


class ObjectKey(NamedTuple):
    """Which object, whatever the version it is served in."""

    group: str
    plural: str
    namespace: str  # "" for cluster-scoped objects
    name: str

    @property
    def group_resource(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __str__(self) -> str:
        """`deployments.apps/shop/web`, `clusterroles.rbac.authorization.k8s.io/viewer`"""
        return "/".join(part for part in (self.group_resource, self.namespace, self.name) if part)


def namespace_and_name(text: str) -> tuple[str, str] | None:
    """Of `shop/nightly`, and of `nightly` with an empty namespace; None for what Kubernetes would not take for names."""
    found = _REFERENCE.fullmatch(text)
    return (found[1] or "", found[2]) if found else None
