"""Where an object lives on an API server: URL paths, percent-encoded (names of RBAC objects may hold a colon)."""

from __future__ import annotations

from urllib.parse import quote

from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource


def collection(resource: Resource, namespace: str | None) -> str:
    """All objects of a kind; of all namespaces where `namespace` is None or empty. Raises ClusterError, as `single`."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    place = f"/namespaces/{_segment(namespace)}" if resource.namespaced and namespace else ""
    return f"{root}/{resource.version}{place}/{resource.plural}"


def single(resource: Resource, namespace: str, name: str, subresource: str = "") -> str:
    """One object. `namespace` is ignored for kinds of the whole cluster.

    Raises ClusterError for what can be no name.
    """
    path = f"{collection(resource, namespace)}/{_segment(name)}"
    return f"{path}/{subresource}" if subresource else path


def _segment(name: str) -> str:
    # Kubernetes' own rule. API servers decode "%2F" before they split a path, so a forged name in a backup could
    # otherwise point at another kind, or at all objects of this one.
    if not name or name in {".", ".."} or "/" in name or "%" in name:
        raise ClusterError(
            f"{name!r} is no name of an object", why="it is empty, dots only, or holds a slash or percent"
        )
    return quote(name, safe="")
