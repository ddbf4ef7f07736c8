"""What a decision asks for. Carrying it out is the executor's work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.controller.world import Key
from holdfast.model.kubernetes import Resource


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply: creates, or makes the fields that are named what they say."""

    resource: Resource
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    """Creates; that it exists already is fine, because names say what an object is for."""

    resource: Resource
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes this one and no other of the same name."""

    resource: Resource
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Makes the status of the object that the decision is about what this says, and no more."""

    status: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Merges into the metadata of the same; nothing happens if it changed meanwhile: the decision is then made anew."""

    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """An Event on the same object."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Look:
    """Reads the Events about a Job or pod that does not get on. What they say is there when the decision is made again."""

    kind: Literal["CronJob", "Job", "Pod"]
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Bury:
    """Says that a pod is dead, in the place of its node."""

    namespace: str
    name: str
    uid: str


Action = Apply | Create | Delete | SetStatus | SetMetadata | Tell | Look | Bury


@dataclass(frozen=True, slots=True)
class Decision:
    actions: list[Action] = field(default_factory=list)
    again_at: dt.datetime | None = None  # when time alone may change it


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API server said when something was to be created for an object, and when."""

    reason: str  # "QuotaExceeded", "Forbidden"
    message: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the watched objects. It is learnt again by a controller that begins anew."""

    refusals: dict[Key, Refusal] = field(default_factory=dict)
    events: dict[Look, str] = field(default_factory=dict)  # the newest warning about it
    told: dict[Key, str] = field(default_factory=dict)  # what people were told of an object, for its status

    def forget(self, key: Key) -> None:
        """The object is gone. Another one of its name begins anew."""
        self.refusals.pop(key, None)
        self.told.pop(key, None)
