"""Making a location in a cluster: its Secret and its object, checked by the server before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.api.names import STORAGE_LOCATIONS
from holdfast.api.storage_location import PASSWORD_KEY
from holdfast.cluster.cluster import Cluster
from holdfast.errors import NotFound, UsageError
from holdfast.operations.locations import (
    SECRETS,
    LocationName,
    apply,
    find_location,
    location_object,
    read_secret,
    secret_object,
)
from holdfast.operations.store_variables import STORE_VARIABLES, store_variables
from holdfast.store.url import LocalUrl, S3Url, parse_url

_TEMPORARY = "AWS_SESSION_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewLocation:
    """What is to be written. `credentials` are added to those that the Secret has; `secret` names one that stays as it is."""

    name: LocationName
    url: str  # "" with `update`: as it is
    credentials: Mapping[str, bytes]
    secret: str = ""
    maintenance: Mapping[str, Any] | None = None  # fields of its spec; with `update`, others stay
    update: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class PlannedLocation:
    """`secret` is None if it is somebody else's; `data` is what the Secret has or will have."""

    location: dict[str, Any]
    secret: dict[str, Any] | None
    data: Mapping[str, bytes]

    def apply(self, cluster: Cluster, *, dry_run: bool = False) -> None:
        """The Secret first: a location without it would be reported broken."""
        if self.secret is not None:
            apply(cluster, SECRETS, self.secret, dry_run=dry_run)
        apply(cluster, STORAGE_LOCATIONS, self.location, dry_run=dry_run)


def plan_location(cluster: Cluster, new: NewLocation) -> PlannedLocation:
    """Raises UsageError if it exists and is not to be updated, or lacks something; NotFound, ClusterError."""
    existing = find_location(cluster, new.name)
    if existing is not None and not new.update:
        raise _exists(f"the location {new.name}")
    url = new.url or (existing.spec.url if existing else "")
    if not url:
        raise UsageError("the location has no URL", why="--url is not given", next="Give --url, as for --repository.")
    parse_url(url)
    secret = new.secret or (existing.spec.secret if existing else f"location-{new.name.name}")
    data = read_secret(cluster, new.name.namespace, secret)
    full_name = f"the Secret {new.name.namespace}/{secret}"
    if new.secret:
        if data is None:
            raise NotFound(
                f"{full_name} does not exist", why="--secret names it", next="Create it, or leave out --secret."
            )
    elif data is not None and not new.update:
        raise _exists(full_name)
    merged = {**(data or {}), **new.credentials}
    if not merged.get(PASSWORD_KEY, b"").strip(b"\r\n"):
        raise UsageError(
            f"{full_name} has no password" if new.secret else "the location has no password",
            why=f"the key `{PASSWORD_KEY}` is missing or empty, and without it nothing can be stored",
            next="Add the key to the Secret." if new.secret else "Give --password-file or --generate-password.",
        )
    spec: dict[str, Any] = {"url": url, "secret": secret}
    maintained = msgspec.to_builtins(existing.spec.maintenance) if existing and existing.spec.maintenance else None
    if maintained is not None or new.maintenance is not None:
        spec["maintenance"] = {**(maintained or {}), **(new.maintenance or {})}
    return PlannedLocation(
        location=location_object(new.name, spec),
        secret=None if new.secret else secret_object(new.name, secret, merged),
        data=merged,
    )


def credentials_from_environment(url: str, environ: Mapping[str, str]) -> dict[str, bytes]:
    """Those variables that a store of this kind reads. Raises UsageError if there are none, or if they will not last."""
    parsed = parse_url(url)
    if isinstance(parsed, S3Url) and environ.get(_TEMPORARY):
        raise UsageError(
            "the credentials in the environment are temporary",
            why=f"{_TEMPORARY} is set, so they end in a few hours, and backups would fail from then on",
            next="Use the key of an account made for backups: see docs/append-only.md.",
        )
    found = store_variables(parsed, environ)
    if not found and not isinstance(parsed, LocalUrl):
        raise UsageError(
            "the environment has no credentials for this store",
            why=f"it would look for {', '.join(STORE_VARIABLES[type(parsed)][:2])}",
            next="Set them, or give each with --credential KEY=FILE.",
        )
    return found


def _exists(what: str) -> UsageError:
    return UsageError(
        f"{what} exists already",
        why="nothing that exists is changed unless asked",
        next="Choose another name, or change it with --update.",
    )
