"""The few fields of an object that the rules of a backup look at.

A backup keeps objects as the bytes the API server sent. Whether an object is taken is decided from a `Glimpse`: names,
labels, annotations, owners and field managers. Everything else in the bytes is skipped by the decoder, which makes a
glimpse cost a few microseconds whatever the object's size. Rules that need more decode it themselves, for their kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from holdfast.errors import ClusterError
from holdfast.model.kubernetes import ObjectKey, Resource

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Owner(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One entry of metadata.ownerReferences."""

    kind: str
    name: str
    api_version: str = ""
    uid: str = ""
    controller: bool | None = None  # None means False, as the API defines it


class FieldManager(msgspec.Struct, frozen=True, gc=False):
    """One entry of metadata.managedFields, by name only."""

    manager: str = ""


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """None and the empty default both mean that the object does not have the field."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] | None = None
    managed_fields: tuple[FieldManager, ...] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class Glimpse(msgspec.Struct, frozen=True, rename="camel"):
    """An object as far as backup rules look at it."""

    metadata: Metadata
    api_version: str = ""  # items of a list may lack both
    kind: str = ""
    type: object = None  # a Secret's type; any JSON value in kinds that are not ours

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Empty for cluster-scoped objects."""
        return self.metadata.namespace or ""

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.labels or _NOTHING

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.annotations or _NOTHING

    @property
    def controller(self) -> Owner | None:
        """The owner that makes and remakes this object; None if it stands alone or has only ordinary owners."""
        return next((owner for owner in self.metadata.owner_references or () if owner.controller), None)

    @property
    def managers(self) -> frozenset[str]:
        """Names of those who have written fields of this object."""
        return frozenset(entry.manager for entry in self.metadata.managed_fields or ())

    @property
    def is_being_deleted(self) -> bool:
        return self.metadata.deletion_timestamp is not None


_decoder = msgspec.json.Decoder(Glimpse)


def key_of(resource: Resource, seen: Glimpse) -> ObjectKey:
    """Which object was glimpsed; `resource` is its kind."""
    return ObjectKey(resource.group, resource.plural, seen.namespace, seen.name)


def glimpse(data: bytes | memoryview | msgspec.Raw) -> Glimpse:
    """One object's JSON → what rules look at. Raises ClusterError if the bytes are not an object with a name."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClusterError(
            "an object sent by the API server cannot be read",
            why=str(error),
            next="Find the kind with --log-format json and leave it out with --exclude-kind.",
        ) from error
