"""The cluster that a restore goes to, as far as its plan must know it: what is served, what exists, and as what."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.listing import whole
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, at
from holdfast.objects.metadata import glimpse

NAMESPACES = "namespaces"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


class Target:
    """Live objects are listed once for each kind and namespace, not asked one by one. Thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._guard = threading.Lock()
        self._listed: dict[tuple[Resource, str], dict[str, bytes]] = {}
        self._single: dict[ObjectKey, Object | None] = {}
        self._hidden: set[ObjectKey] = set()  # what this account may not read
        self._unreadable: dict[tuple[Resource, str], ApiRefused] = {}
        self._listing: dict[tuple[Resource, str], threading.Lock] = {}

    @property
    def surface(self) -> ApiSurface:
        return self.cluster.api_surface()

    def served(self, resource: Resource) -> Resource | None:
        """The backup's kind in the backup's version as this cluster serves it; None if it does not."""
        served = self.surface.preferred(resource.group, resource.plural)
        if served is None or resource.version not in self.surface.served(resource.group, resource.plural):
            return None
        return served if served.version == resource.version else replace(served, version=resource.version)

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """A live object, from one list of all its siblings. `resource` must be served.

        Whoever may not list is told of the object by a single request.
        """
        scope = (resource, namespace)
        with self._guard:
            turn = self._listing.setdefault(scope, threading.Lock())
        with turn:
            if scope in self._unreadable:
                raise self._unreadable[scope]
            if scope not in self._listed:
                try:
                    self._listed[scope] = self._list(resource, namespace)
                except ApiRefused as error:
                    if error.reason != "Forbidden":
                        self._unreadable[scope] = error  # asked once, not for each object
                        raise
                    found = self.cluster.get(resource, namespace, name)
                    return None if found is None else _decode(found)
        data = self._listed[scope].get(name)
        return None if data is None else _decode(data)

    def forget(self, resource: Resource) -> None:
        """Drops the lists of a kind that was planned: they may be large."""
        with self._guard:
            for scope in [scope for scope in list(self._listed) if scope[0] == resource]:  # others add to it
                del self._listed[scope]

    def read(self, resource: Resource, key: ObjectKey) -> Object | None:
        """One object as it is now. Raises ApiRefused, ClusterUnreachable."""
        found = self.cluster.get(resource, key.namespace, key.name)
        return None if found is None else _decode(found)

    def live(self, key: ObjectKey) -> Object | None:
        """One object that a rule asks for, remembered. None also for what is not served or must not be read."""
        if key not in self._single:
            resource = self.surface.preferred(key.group, key.plural)
            try:
                found = self.cluster.get(resource, key.namespace, key.name) if resource else None
            except ApiRefused as error:
                if error.reason != "Forbidden":
                    raise
                self._hidden.add(key)
                found = None
            self._single[key] = None if found is None else _decode(found)
        return self._single[key]

    def try_creating(self, resource: Resource, namespace: str, desired: Object) -> None:
        """Asks the server whether it would create this object, under a name that nothing has. Raises ApiRefused if not.

        Owners are left out: they may still be missing.
        """
        metadata = {key: value for key, value in desired["metadata"].items() if key != "ownerReferences"}
        metadata["name"] = f"holdfast-{secrets.token_hex(8)}"
        body = msgspec.json.encode({**desired, "metadata": metadata})
        self.cluster.create(resource, namespace, body, dry_run=True)

    def namespace_state(self, name: str) -> str:
        """`Active`, `Terminating`, or "" if it does not exist. Who may not read it is told `Active`: creating will tell."""
        key = ObjectKey("", NAMESPACES, "", name)
        found = self.live(key)
        if found is None:
            return "Active" if key in self._hidden else ""
        return str(at(found, "status").get("phase", "Active"))

    def _list(self, resource: Resource, namespace: str) -> dict[str, bytes]:
        items = whole(self.cluster.list(resource, namespace=namespace or None)).items
        return {glimpse(data).name: data for data in items}


def _decode(data: bytes) -> Object:
    found: Object = msgspec.json.decode(data)
    return found
