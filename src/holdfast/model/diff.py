"""What differs between two states of objects, as it is shown and printed: field by field, secrets hidden."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from holdfast.model.run import Outcome, Problem


class FieldChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ORDER = "order"  # the items of a list are the same, in another order; `before` and `after` are their keys


class Values(StrEnum):
    """Whether a change tells its values."""

    SHOWN = "shown"
    MASKED = "masked"  # they are a Secret's
    LEFT_OUT = "left out"  # they say nothing new, or there are too many


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field. `before` and `after` are None where there is no value, and where `values` is not `shown`."""

    path: str  # `spec.template.spec.containers[web].image`, `data["tls.key"]`
    change: FieldChangeKind
    values: Values = Values.SHOWN
    before: Any = None
    after: Any = None


class ObjectChange(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ObjectDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One object that is not the same on both sides."""

    change: ObjectChange
    kind: str  # "deployments.apps"
    namespace: str  # on the second side; "" for cluster-scoped objects
    name: str
    fields: list[FieldChange] = []


class ObjectsDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What `backup diff -o json` prints for backups of applications."""

    before: str  # snapshot id
    after: str  # snapshot id, or "live"
    counts: dict[str, int]  # added, changed, removed, unchanged
    objects: list[ObjectDiff]
    outcome: Outcome
    notes: list[str]
    errors: list[Problem]
