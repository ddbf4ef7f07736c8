"""Owners by their new UIDs.

An ownerReference names its owner by UID, and a restored owner has a new one. A reference to a UID that does not exist
would make the garbage collector delete the object at once, so a reference is either linked to the owner that is in the
target now, or dropped and reported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items, namespace_of
from holdfast.objects.mapping import ObjectMapping

FindUid = Callable[[str, str, str, str], str | None]
"""(apiVersion, kind, namespace, name) → UID of that object in the target; None if it is not there.

The namespace is the owned object's; an owner may be cluster-scoped, so the resolver decides whether it counts.
"""


class Relinked(NamedTuple):
    object: Object  # with references by their UIDs in the target
    dropped: tuple[str, ...]  # owners that are neither restored nor live, as `Deployment web`


def relink(obj: Object, find_uid: FindUid, mapping: ObjectMapping) -> Relinked:
    """A desired object, in its new namespace, → the same with references that hold in the target.

    `controller` and `blockOwnerDeletion` stay as they are. `obj` itself is not changed.
    """
    references = items(obj, "metadata", "ownerReferences")
    if not references:
        return Relinked(obj, ())
    kept, dropped = [], []
    for reference in references:
        api_version, kind, name = (str(reference.get(field, "")) for field in ("apiVersion", "kind", "name"))
        if (api_version, kind) == ("v1", "Namespace"):
            name = mapping.namespaces[name]
        uid = find_uid(api_version, kind, namespace_of(obj), name)
        if uid is None:
            dropped.append(f"{kind} {name}")
        else:
            kept.append({**reference, "name": name, "uid": uid})
    metadata = {key: value for key, value in at(obj, "metadata").items() if key != "ownerReferences"}
    if kept:
        metadata["ownerReferences"] = kept
    return Relinked({**obj, "metadata": metadata}, tuple(dropped))
