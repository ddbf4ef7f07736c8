"""How the ownership of fields comes back: which calls create an object so that its managedFields are as they were.

An API server notes which manager set which field, and server-side apply, `kubectl apply`, Flux or Argo CD act on those
notes. It ignores managedFields in a create and makes the sender the owner of everything sent. So:

    one manager with operation Update that owns all that is sent  → POST under its name
    one manager with operation Apply that owns all that is sent   → apply under its name, guarded (see below)
    anything else                                                 → POST under our name, then PATCH of managedFields

An apply creates or updates. With a resourceVersion that no object ever has, it creates only: where the object exists,
the server answers 409 Conflict. `docs/decisions/0004-field-ownership.md` holds the measurements.

Entries for the status subresource are put aside, because status is not restored; the PATCH keeps those that the
target's controllers have written by then. Entries may name fields that transforms removed: they say who decides a field,
not that it has a value, so they are kept whole. The time of an entry comes back by PATCH only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from holdfast.objects.fields import Object, at, items

FIELD_MANAGER = "holdfast"
NEVER_A_VERSION = "1"  # etcd's first revision, which it has before anything is written

_IDENTITY = ("apiVersion", "kind")
_NEVER_OWNED = frozenset({"name", "namespace"})  # of metadata; the server's own fields are not in a desired object


class Call(Enum):
    """The request that creates the object."""

    POST = "POST"
    APPLY = "APPLY"


@dataclass(frozen=True, slots=True)
class Ownership:
    """`call` is sent with `field_manager`; where `entries` are not None, `restoring_patch` is sent after it."""

    call: Call
    field_manager: str
    entries: tuple[Object, ...] | None = None


def ownership(original: Object, desired: Object) -> Ownership:
    """The backup's object, with its managedFields, and what is to be created of it → how to create it."""
    entries = owners(original, desired)
    if not entries:
        return Ownership(Call.POST, FIELD_MANAGER)
    if len(entries) == 1 and _comes_back_by_sending(entries[0], desired):
        call = Call.APPLY if entries[0].get("operation") == "Apply" else Call.POST
        return Ownership(call, entries[0]["manager"])
    return Ownership(Call.POST, FIELD_MANAGER, entries)


def create_only(desired: Object) -> Object:
    """The body of an apply that is refused with 409 Conflict where the object exists."""
    return {**desired, "metadata": {**at(desired, "metadata"), "resourceVersion": NEVER_A_VERSION}}


def restoring_patch(entries: tuple[Object, ...], live: Object) -> Object:
    """The JSON merge patch that gives `live` the backup's owners.

    It keeps entries that others have written since the object was created (a controller may be quick), and names the
    resourceVersion that it has seen: after a 409 Conflict, read the object again and make a new patch.
    """
    metadata = at(live, "metadata")
    known = {_identity(entry) for entry in entries}
    since = [
        entry
        for entry in items(metadata, "managedFields")
        if _identity(entry) not in known and entry.get("manager") != FIELD_MANAGER
    ]
    return {
        "metadata": {"resourceVersion": metadata.get("resourceVersion"), "managedFields": [*entries, *since]},
    }


def is_unfinished(original: Object, live: Object) -> bool:
    """Whether `live` was written by a restore that ended before its PATCH: our own name still owns its fields."""
    before, now = ({entry.get("manager") for entry in _entries(obj)} for obj in (original, live))
    return bool(before) and FIELD_MANAGER in now - before


def owners(original: Object, desired: Object) -> tuple[Object, ...]:
    """The entries of managedFields that come back: all but those for the status subresource.

    An entry names ownerReferences by UID; it gets the UIDs that they have in `desired`.
    """
    now = {_reference(reference): reference.get("uid") for reference in items(desired, "metadata", "ownerReferences")}
    uids = {
        _uid_key(reference.get("uid")): _uid_key(now[_reference(reference)])
        for reference in items(original, "metadata", "ownerReferences")
        if _reference(reference) in now
    }
    return tuple(_relinked(entry, uids) for entry in _entries(original))


def _relinked(entry: Object, uids: dict[str, str]) -> Object:
    references = at(entry, "fieldsV1", "f:metadata", "f:ownerReferences")
    if not uids.keys() & references.keys():
        return entry
    renamed = {uids.get(name, name): below for name, below in references.items()}
    fields = entry["fieldsV1"]
    return {**entry, "fieldsV1": {**fields, "f:metadata": {**fields["f:metadata"], "f:ownerReferences": renamed}}}


def _reference(reference: Object) -> tuple[Any, ...]:
    return tuple(reference.get(field) for field in ("apiVersion", "kind", "name"))


def _uid_key(uid: Any) -> str:
    """As the server writes it."""
    return "k:" + json.dumps({"uid": uid}, separators=(",", ":"))


def _entries(obj: Object) -> list[Object]:
    return [entry for entry in items(obj, "metadata", "managedFields") if entry.get("subresource") != "status"]


def _identity(entry: Object) -> tuple[Any, ...]:
    return tuple(entry.get(field) for field in ("manager", "operation", "apiVersion", "subresource"))


def _comes_back_by_sending(entry: Object, desired: Object) -> bool:
    """Whether the server would write this entry again, because it covers every field that is sent, in that version."""
    if not entry.get("manager") or "subresource" in entry or entry.get("apiVersion") != desired.get("apiVersion"):
        return False
    metadata = {key: value for key, value in at(desired, "metadata").items() if key not in _NEVER_OWNED}
    sent = {key: value for key, value in desired.items() if key not in _IDENTITY and key != "metadata"}
    if metadata:
        sent["metadata"] = metadata
    return _owns(at(entry, "fieldsV1"), sent)


def _owns(owned: Object, value: Any) -> bool:
    """Whether the field set `owned` (https://kubernetes.io/docs/reference/using-api/server-side-apply/) covers `value`.

    An empty set is a leaf and stands for the whole field, whatever is below it.
    """
    if owned == {}:
        return True
    match value:
        case dict():
            return all(f"f:{key}" in owned and _owns(owned[f"f:{key}"], below) for key, below in value.items())
        case list():
            return all(_owns_item(owned, item) for item in value)
        case _:
            return value is None


def _owns_item(owned: Object, item: Any) -> bool:
    """Items of lists are known by their keys (`k:`) or by their value (`v:`)."""
    for name, below in owned.items():
        kind, _, text = name.partition(":")
        if kind == "v" and json.loads(text) == item:
            return True
        if kind == "k" and isinstance(item, dict):
            keys = json.loads(text)
            if all(item.get(key) == wanted for key, wanted in keys.items()):
                return _owns(below, item)
    return False
