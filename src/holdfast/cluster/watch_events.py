"""What a watch tells, and the lines in which an API server tells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from holdfast.cluster import failures
from holdfast.cluster.answers import decode
from holdfast.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects that there are: an object that is not among them is gone. Comes first, and again whenever events were lost."""

    items: list[bytes]


@dataclass(frozen=True, slots=True)
class Changed:
    """An object was created or is another now. The same state may come twice."""

    object: bytes


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object is gone, or does not have the labels any more that were asked for; its last state."""

    object: bytes


@dataclass(frozen=True, slots=True)
class Synced:
    """The server is being heard, and has told all that happened up to a moment ago. Comes after each (re)connection, then every
    minute or so from servers that do so.
    """


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The server is not heard; the watch tries again by itself."""

    error: ClusterError


Event: TypeAlias = Listed | Changed | Deleted | Synced | Interrupted


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Status(msgspec.Struct):
    code: int = 500


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


def parse(line: bytes, what: str) -> tuple[Changed | Deleted | Synced, str]:
    """The event in a line of a watch, and the resourceVersion up to which the watch has come with it ("" if it does not say).

    Raises ApiRefused for an ERROR event, ClusterError for what no API server sends. `what` begins their texts.
    """
    told = decode(line, _Line, "a watch")
    if told.type == "ERROR":
        raise failures.refusal(what, decode(told.object, _Status, "a watch").code, bytes(told.object))
    version = decode(told.object, _Object, "a watch").metadata.resource_version
    match told.type:
        case "ADDED" | "MODIFIED":
            return Changed(bytes(told.object)), version
        case "DELETED":
            return Deleted(bytes(told.object)), version
        case "BOOKMARK":
            return Synced(), version
    raise ClusterError(what, why=f"the API server tells of an unknown event {told.type[:64]!r}")
