"""StorageLocations in a cluster and the Secrets that they name, read and written with the caller's rights."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.names import (
    API_VERSION,
    BACKUP_PLANS,
    CLI_MANAGER,
    DEFAULT_NAMESPACE,
    MANAGED_BY,
    MANAGER,
    STORAGE_LOCATIONS,
)
from holdfast.api.storage_location import StorageLocation
from holdfast.cluster.answers import decode
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused, ClusterError, NotFound, UsageError
from holdfast.model.kubernetes import Resource, namespace_and_name
from holdfast.operations.credentials import Credentials

SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)


class LocationName(NamedTuple):
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str, namespace: str = DEFAULT_NAMESPACE) -> LocationName:
        """`shop/main`, or `main` in `namespace`. Raises UsageError."""
        found = namespace_and_name(text)
        if found is None:
            raise UsageError(
                f"{text!r:.100} does not name a location",
                why="it must be NAMESPACE/NAME, or NAME for one in Holdfast's own namespace",
                next="List those that there are with `holdfast location list`.",
            )
        return cls(found[0] or namespace, found[1])


def read_location(cluster: Cluster, location: LocationName) -> StorageLocation:
    """Raises NotFound, and ClusterError if the cluster knows no locations or does not let the caller read it."""
    found = find_location(cluster, location)
    if found is None:
        raise NotFound(
            f"there is no location {location}",
            why="the cluster has no StorageLocation of that name",
            next="List those that there are with `holdfast location list`.",
        )
    return found


def find_location(cluster: Cluster, location: LocationName) -> StorageLocation | None:
    """The same, or None if there is none."""
    try:
        body = cluster.get(STORAGE_LOCATIONS, location.namespace, location.name)
    except ApiRefused as error:
        raise _explained(error, "storagelocations", location.namespace) from error
    return None if body is None else decode(body, StorageLocation, f"the location {location}")


def read_credentials(cluster: Cluster, namespace: str, secret: str) -> Credentials:
    """What the Secret of a location has. Raises NotFound, ClusterError, UsageError."""
    data = read_secret(cluster, namespace, secret)
    if data is None:
        raise NotFound(
            f"there is no Secret {namespace}/{secret}",
            why="the location names it, and it is where its credentials are",
            next=f"Create it in the namespace {namespace}, with the key `password`: see docs/locations.md.",
        )
    return Credentials.of(data, f"the Secret {namespace}/{secret}")


def read_secret(cluster: Cluster, namespace: str, name: str) -> dict[str, bytes] | None:
    """The data of a Secret; None if there is none."""
    try:
        body = cluster.get(SECRETS, namespace, name)
    except ApiRefused as error:
        raise _explained(error, "secrets", namespace) from error
    if body is None:
        return None
    data = decode(body, _Secret, f"the Secret {namespace}/{name}").data or {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def list_locations(cluster: Cluster, namespace: str | None) -> list[StorageLocation]:
    """Of one namespace, or of all, by their names."""
    try:
        items = whole(cluster.list(STORAGE_LOCATIONS, namespace=namespace)).items
    except ApiRefused as error:
        raise _explained(error, "storagelocations", namespace or "") from error
    found = [decode(item, StorageLocation, "a location") for item in items]
    return sorted(found, key=lambda location: (location.metadata.namespace, location.metadata.name))


def plans_of(cluster: Cluster, location: LocationName) -> list[str]:
    """Names of the plans that back up to it; they are all in its namespace."""
    try:
        items = whole(cluster.list(BACKUP_PLANS, namespace=location.namespace)).items
    except ApiRefused as error:
        if error.status == 404:  # a cluster without plans
            return []
        raise _explained(error, "backupplans", location.namespace) from error
    plans = (decode(item, BackupPlan, "a plan") for item in items)
    return sorted(plan.metadata.name for plan in plans if plan.spec.location == location.name)


def secret_object(location: LocationName, name: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    """The Secret of a location, as it is sent to a cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": location.namespace, "labels": {MANAGED_BY: MANAGER}},
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in sorted(data.items())},
    }


def location_object(location: LocationName, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": STORAGE_LOCATIONS.kind,
        "metadata": {"name": location.name, "namespace": location.namespace},
        "spec": dict(spec),
    }


def apply(cluster: Cluster, resource: Resource, body: Mapping[str, Any], *, dry_run: bool = False) -> None:
    """Server-side apply; fields that somebody else set are taken over. Raises ClusterError."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    try:
        cluster.patch(
            resource,
            namespace,
            name,
            msgspec.json.encode(body),
            patch_type=PatchType.APPLY,
            field_manager=CLI_MANAGER,
            force=True,
            dry_run=dry_run,
        )
    except ApiRefused as error:
        raise _explained(error, resource.plural, namespace) from error


def remove_location(cluster: Cluster, location: LocationName) -> None:
    """Only the object: its Secret stays, and so does the data."""
    try:
        cluster.delete(STORAGE_LOCATIONS, location.namespace, location.name)
    except ApiRefused as error:
        raise _explained(error, "storagelocations", location.namespace) from error


class _Secret(msgspec.Struct):
    data: dict[str, str] | None = None


def _explained(error: ApiRefused, plural: str, namespace: str) -> ClusterError:
    """With a next step that helps."""
    if error.status == 404 and 'namespaces "' in error.why:
        return ClusterError(
            f"there is no namespace {namespace}",
            why=error.why,
            next="Create it, or correct the first part of NAMESPACE/NAME.",
        )
    if error.status == 404 and plural != "secrets":
        return ClusterError(
            f"this cluster has no {plural}",
            why="the custom resources of holdfast.dev are not installed there",
            next="Install Holdfast in the cluster, or name the repository with --repository.",
        )
    if error.reason == "Forbidden":
        place = f"in the namespace {namespace}" if namespace else "in all namespaces; --namespace looks at one"
        return ClusterError(error.what, why=error.why, next=f"Ask for the right to do this with {plural} {place}.")
    return error
