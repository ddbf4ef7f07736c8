"""By what the items of a list are known, so that a new container in front does not change all the others.

The keys are those by which Kubernetes itself merges the lists of its kinds. Lists of other kinds are known by `name` where every
item has one. A list with an item that lacks the key, or with two of the same, is compared by position.
"""

from __future__ import annotations

from typing import Any

_BY_FIELD: dict[str, tuple[tuple[str, ...], ...]] = {
    "conditions": (("type",),),
    "hostAliases": (("ip",),),
    "items": (("key",), ("path",)),
    "limits": (("type",),),
    "matchExpressions": (("key",),),
    "ownerReferences": (("kind", "name"),),
    "paths": (("path",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "rules": (("host",),),
    "subjects": (("kind", "namespace", "name"), ("kind", "name")),
    "tls": (("secretName",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
}
_BY_NAME = (("name",),)
_IMPLIED = {"protocol": "TCP"}


def keys_of(field: str, before: list[Any], after: list[Any]) -> tuple[list[str], list[str]] | None:
    """The keys of the items of both lists in their order; None if positions are all they have.

    `field` is the name that the list has in its object.
    """
    for fields in (*_BY_FIELD.get(field, ()), *_BY_NAME):
        old = _keys(fields, before)
        new = _keys(fields, after)
        if old is not None and new is not None:
            return old, new
    return None


def _keys(fields: tuple[str, ...], items: list[Any]) -> list[str] | None:
    keys = [_key(fields, item) for item in items]
    if None in keys or len(set(keys)) != len(keys):
        return None
    return [key for key in keys if key is not None]


def _key(fields: tuple[str, ...], item: Any) -> str | None:
    """`web`, `80/TCP`; for a claim template, whose name is in its metadata, that name."""
    if not isinstance(item, dict):
        return None
    if fields == ("name",) and isinstance(item.get("metadata"), dict):
        item = item["metadata"]
    values = [item.get(field, _IMPLIED.get(field)) for field in fields]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return None
    return "/".join(map(str, values))
