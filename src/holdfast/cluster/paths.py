"""Where an object lives on an API server: URL paths, percent-encoded (names of RBAC objects may hold a colon)."""

from __future__ import annotations

from urllib.parse import quote

from holdfast.model.kubernetes import Resource


def collection(resource: Resource, namespace: str | None) -> str:
    """All objects of a kind; of all namespaces where `namespace` is None or empty."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    place = f"/namespaces/{quote(namespace, safe='')}" if resource.namespaced and namespace else ""
    return f"{root}/{resource.version}{place}/{resource.plural}"


def single(resource: Resource, namespace: str, name: str, subresource: str = "") -> str:
    """One object. `namespace` is ignored for kinds of the whole cluster."""
    path = f"{collection(resource, namespace)}/{quote(name, safe='')}"
    return f"{path}/{subresource}" if subresource else path
