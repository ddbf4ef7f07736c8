"""Conditions in the status of our objects, as Kubernetes' own objects have them; `kubectl wait` reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdfast.api.rules import BY_TYPE


class ConditionType(StrEnum):
    READY = "Ready"  # of a StorageLocation or BackupPlan
    COMPLETE = "Complete"  # of a Backup or Restore: it has done what could be done; `Partial` is one of its reasons
    FAILED = "Failed"  # of a Backup or Restore
    HEALTHY = "Healthy"  # of a BackupPlan: its newest run went well and none was missed
    RETENTION_HELD = "RetentionHeld"  # of a BackupPlan: forgetting would remove too much and waits for a person


ObservedGeneration = Annotated[int, Meta(description="The metadata.generation that this is about.")]


class Condition(msgspec.Struct, kw_only=True, rename="camel"):
    """What is the case, as conditions of Kubernetes' own objects tell it."""

    type: Annotated[str, Meta(description="What it is about, as Ready or Complete.")]
    status: Annotated[Literal["True", "False", "Unknown"], Meta(description="Whether it is so.")]
    reason: Annotated[str, Meta(description="One word in CamelCase, for programs.")]
    message: Annotated[str, Meta(description="What happened, why, and what to do next, for people.")] = ""
    last_transition_time: Annotated[
        str, Meta(description="Since when the status is what it is.", extra_json_schema={"format": "date-time"})
    ]
    observed_generation: ObservedGeneration = 0


Conditions = Annotated[list[Condition], BY_TYPE, Meta(description="What is the case; `kubectl wait` reads them.")]


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as `metav1.Time` is written."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def find(conditions: Iterable[Condition], type_: ConditionType) -> Condition | None:
    """The condition of this type."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: ConditionType) -> bool:
    """Whether the condition of this type is there and says `True`."""
    condition = find(conditions, type_)
    return condition is not None and condition.status == "True"


def with_condition(existing: Iterable[Condition], new: Condition) -> list[Condition]:
    """`existing` with `new` in the place of the one of its type; the time of an unchanged `status` stays."""
    conditions = []
    placed = False
    for condition in existing:
        if condition.type != new.type:
            conditions.append(condition)
            continue
        if condition.status == new.status:
            new = msgspec.structs.replace(new, last_transition_time=condition.last_transition_time)
        conditions.append(new)
        placed = True
    return conditions if placed else [*conditions, new]
