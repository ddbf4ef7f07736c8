"""What a row of the transform table is, and the functions that apply a table to an object.

An object of a backup cannot be sent to an API server as it is: it names things of the cluster it came from (addresses,
UIDs, volumes), it holds fields that only a server may set, and some objects would do harm if they were made again. Each
such rule is one `Transform` with its reason. Rows work on decoded objects and on what a `Context` tells about the
target; they do no I/O.

A row has one or more of four functions:

    refuse   backup object                → why it is not restored; None if it is
    change   backup object                → changed in place into what is created
    carry    live object, desired object  → fields of the live object that an update must keep, copied into the desired
    merge    live object, desired object  → the live object with what it lacks; whatever --on-conflict says

`refuse` and `change` make the desired object from the backup's (`apply`). Where the object is live already, `merged`
is asked first, then `carried` makes the body of an update. What `change` takes away because the server fills it,
`carry` takes from the live object: so a desired object with everything carried equals the live one exactly if an
update would change nothing (see `holdfast.objects.comparison`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import Object, copied, copied_object
from holdfast.objects.mapping import ObjectMapping


@dataclass(frozen=True, slots=True)
class Context:
    """What rows may know about the restore and its target. The functions must be safe to call from several threads."""

    mapping: ObjectMapping = field(default_factory=ObjectMapping)
    live: Callable[[ObjectKey], Object | None] = lambda _: None
    """The object as it is in the target now; None if it is not there. Asked for few objects: PersistentVolumes, owners."""
    in_plan: Callable[[ObjectKey], bool] = lambda _: False
    """Whether the restore handles this object: it was selected, and no row refuses it. Names are the target's."""
    subresources: Callable[[str, str], frozenset[str]] = lambda _api_version, _kind: frozenset({"status"})
    """Subresources of a kind as the target serves it, or will once its CRD is restored, by apiVersion and kind."""
    quarantine: bool = False
    """Whether what is restored must not reach, or stand in for, what it is a copy of."""


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """One row. `reason` is a sentence for users; `kinds` are group resources (`services`, `jobs.batch`), empty for all."""

    id: str
    reason: str
    kinds: frozenset[str] = frozenset()
    refuse: Callable[[Object, Context], str | None] | None = None
    change: Callable[[Object, Context], None] | None = None
    carry: Callable[[Object, Object, Context], None] | None = None
    merge: Callable[[Object, Object, Context], Object | None] | None = None

    def concerns(self, group_resource: str) -> bool:
        return not self.kinds or group_resource in self.kinds


@dataclass(frozen=True, slots=True)
class Transformed:
    """What becomes of one object of a backup: exactly one of `object` and `not_restored` is None."""

    object: Object | None  # as it is to be created
    not_restored: str | None = None  # why not, for the report
    row: str | None = None  # id of the row that refused it


@functools.lru_cache(maxsize=1024)
def _concerning(transforms: tuple[Transform, ...], group_resource: str) -> tuple[Transform, ...]:
    return tuple(row for row in transforms if row.concerns(group_resource))


def apply(transforms: Sequence[Transform], group_resource: str, obj: Object, context: Context) -> Transformed:
    """A backup's object → what is to be created in the target, or why it is not restored. `obj` stays as it is."""
    rows = _concerning(tuple(transforms), group_resource)
    for row in rows:
        if row.refuse and (reason := row.refuse(obj, context)) is not None:
            return Transformed(None, reason, row.id)
    desired = copied_object(obj)
    for row in rows:
        if row.change:
            row.change(desired, context)
    return Transformed(desired)


def carried(
    transforms: Sequence[Transform], group_resource: str, live: Object, desired: Object, context: Context
) -> Object:
    """The body of an update: the desired object with what must stay as it is in the live one. Arguments stay as they are.

    The body holds the live resourceVersion and uid, so a write in between, or another object of the same name, is
    answered with a conflict.
    """
    body = copied_object(desired)
    for row in _concerning(tuple(transforms), group_resource):
        if row.carry:
            row.carry(live, body, context)
    return body


def merged(
    transforms: Sequence[Transform], group_resource: str, live: Object, desired: Object, context: Context
) -> Object | None:
    """The live object with what the backup adds to it, for kinds that are merged whatever `--on-conflict` says.

    None means that no row merges this object, so `--on-conflict` decides. A result equal to `live` means that nothing
    is to be done.
    """
    for row in _concerning(tuple(transforms), group_resource):
        if row.merge:
            result = row.merge(copied(live), desired, context)
            if result is not None:
                return result
    return None
