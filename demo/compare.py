"""Is what came back what was there before? The judge of the demonstration.

It compares two readings object by object and field by field, and knows nothing of how a restore works: a table says which
fields may differ between any two copies of an object, and everything else must be equal. So must the record of who owns
which field (metadata.managedFields), by manager, operation and fields; its times may differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from demo.reading import JsonObject, Reading
from holdfast.model.kubernetes import ObjectKey

_ABSENT = "(absent)"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class MayDiffer(NamedTuple):
    kinds: frozenset[str]  # empty: all
    path: tuple[str, ...]  # `*` is every item of a list
    why: str
    unless: tuple[Any, ...] = ()  # values that must be the same all the same


def _everywhere(*path: str, why: str) -> MayDiffer:
    return MayDiffer(frozenset(), path, why)


def _in(kind: str, *path: str, why: str, unless: tuple[Any, ...] = ()) -> MayDiffer:
    return MayDiffer(frozenset({kind}), path, why, unless)


MAY_DIFFER = (
    _everywhere("metadata", "uid", why="every object that is created gets its own"),
    _everywhere("metadata", "resourceVersion", why="counts the writes of one cluster"),
    _everywhere("metadata", "generation", why="counts the changes since the object was created"),
    _everywhere("metadata", "creationTimestamp", why="the object was created again"),
    _everywhere("metadata", "ownerReferences", "*", "uid", why="the owner has a new one; its name must be the same"),
    _everywhere("status", why="controllers observe it anew"),
    _in("services", "spec", "clusterIP", why="allocated by each cluster", unless=("None",)),
    _in("services", "spec", "clusterIPs", why="allocated by each cluster", unless=(["None"],)),
    _in("persistentvolumeclaims", "spec", "volumeName", why="the claim is bound to a new volume"),
    _in("jobs.batch", "spec", "selector", why="the server makes it from the Job's UID"),
    *(
        _in("jobs.batch", *path, "metadata", "labels", label, why="it is the Job's UID, noted by the server")
        for path in ((), ("spec", "template"))
        for label in ("batch.kubernetes.io/controller-uid", "controller-uid")
    ),
)
STATUS_IS_DATA = frozenset({"discounts.holdfast-demo.example.com"})
"""Kinds without a status subresource: nobody observes their status anew."""


class Difference(NamedTuple):
    object: ObjectKey
    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.object}: {self.path}: {self.before} → {self.after}"


def compare(before: Reading, after: Reading, *, namespace: str = "", renamed: str = "") -> list[Difference]:
    """All differences. With `namespace` and `renamed`, the first must have become the second wherever it is named."""
    expected = {_rename_key(key, namespace, renamed): _rename(obj, namespace, renamed) for key, obj in before.items()}
    found = []
    for key in sorted(expected.keys() | after.keys()):
        if key not in after:
            found.append(Difference(key, "the object", "there", "missing"))
        elif key not in expected:
            found.append(Difference(key, "the object", "not there", "there"))
        else:
            found.extend(_compare_objects(key, expected[key], after[key]))
    return found


def _compare_objects(key: ObjectKey, before: JsonObject, after: JsonObject) -> Iterator[Difference]:
    secret = key.plural == "secrets"
    for path, old, new in _differences("", _comparable(key, before), _comparable(key, after)):
        shown = ("…", "another") if secret else (_shorten(old), _shorten(new))
        yield Difference(key, path, *shown)
    owned_before, owned_after = owners(before), owners(after)
    for entry in sorted(owned_before - owned_after):
        yield Difference(key, "ownership of fields", _shorten(entry), "missing")
    for entry in sorted(owned_after - owned_before):
        yield Difference(key, "ownership of fields", "nobody", _shorten(entry))


def owners(obj: JsonObject) -> set[str]:
    """`manager operation {fields}` of each entry, except those for the status, which is observed anew.

    Entries name ownerReferences by UID; the set has the owners' names instead.
    """
    found = set()
    for entry in obj["metadata"].get("managedFields", ()):
        if entry.get("subresource") != "status":
            fields = json.dumps(entry["fieldsV1"], sort_keys=True)
            for owner in obj["metadata"].get("ownerReferences", ()):
                fields = fields.replace(owner["uid"], f"{owner['kind']} {owner['name']}")
            found.add(f"{entry['manager']} {entry['operation']} {fields}")
    return found


def _comparable(key: ObjectKey, obj: JsonObject) -> JsonObject:
    """A copy without what may differ."""
    copy = deepcopy(obj)
    copy["metadata"].pop("managedFields", None)
    for row in MAY_DIFFER:
        if row.path == ("status",) and key.group_resource in STATUS_IS_DATA:
            continue
        if not row.kinds or key.group_resource in row.kinds:
            _remove(copy, row.path, row.unless)
    return copy


def _remove(value: Any, path: tuple[str, ...], unless: tuple[Any, ...]) -> None:
    name, *rest = path
    if name == "*":
        for item in value if isinstance(value, list) else ():
            _remove(item, tuple(rest), unless)
    elif isinstance(value, dict) and name in value:
        if rest:
            _remove(value[name], tuple(rest), unless)
        elif value[name] not in unless:
            del value[name]


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            below = f"{path}.{name}" if path else name
            yield from _differences(below, before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{path}[{index}]", old, new)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):  # in Python, True == 1
        yield path, before, after


def _rename_key(key: ObjectKey, old: str, new: str) -> ObjectKey:
    if not old:
        return key
    if key.group_resource == "namespaces":
        return key._replace(name=new if key.name == old else key.name)
    return key._replace(namespace=new if key.namespace == old else key.namespace)


def _rename(obj: JsonObject, old: str, new: str) -> JsonObject:
    """A copy of the object as it must be when its namespace has another name."""
    copy = deepcopy(obj)
    if not old:
        return copy
    if copy["kind"] == "Namespace":
        copy["metadata"]["name"] = new
    _rename_within(copy, old, new)
    return copy


def _rename_within(value: Any, old: str, new: str) -> None:
    """Wherever a field means a namespace: `namespace` itself, and the label that every Namespace has."""
    if isinstance(value, dict):
        for name, below in value.items():
            if below == old and name in {"namespace", _NAMESPACE_LABEL}:
                value[name] = new
            else:
                _rename_within(below, old, new)
    elif isinstance(value, list):
        for item in value:
            _rename_within(item, old, new)


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}…"
