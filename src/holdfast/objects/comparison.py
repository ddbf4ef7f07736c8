"""Is the live object already what a restore would make of it?

The answer is exact for everything that users and their tools set: the desired object is completed with what the server
filled in or must not change (`carried`), and then has to equal the live one. So two objects are the same if an update
would change nothing. Only the order of finalizers and owners, and the UIDs of owners, make no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from holdfast.objects.fields import Object, at
from holdfast.objects.transforms.transform import Context, Transform, carried

_ABSENT = object()


def same(live: Object, desired: Object, transforms: Sequence[Transform], group_resource: str, context: Context) -> bool:
    """Whether an update of `live` with `desired`, which `apply` gave, would change nothing."""
    return not differences(live, desired, transforms, group_resource, context, limit=1)


def differences(
    live: Object,
    desired: Object,
    transforms: Sequence[Transform],
    group_resource: str,
    context: Context,
    *,
    limit: int = 10,
) -> list[str]:
    """Paths of fields that an update would change, as `spec.ports[0].port`; at most `limit`, never any values.

    Keys that are not plain words are quoted: `data["tls.key"]`.
    """
    wanted = carried(transforms, group_resource, live, desired, context)
    return list(islice(_differences("", _comparable(live), _comparable(wanted)), limit))


def _comparable(obj: Object) -> Object:
    """The object with lists that are really sets in one order, and owners by name."""
    metadata = dict(at(obj, "metadata"))
    if "finalizers" in metadata:
        metadata["finalizers"] = sorted(metadata["finalizers"])
    if "ownerReferences" in metadata:
        owners = (
            {field: owner[field] for field in ("apiVersion", "kind", "name", "controller") if owner.get(field)}
            for owner in metadata["ownerReferences"]
        )
        metadata["ownerReferences"] = sorted(owners, key=lambda owner: json.dumps(owner, sort_keys=True))
    return {**obj, "metadata": metadata}


def _differences(path: str, live: Any, wanted: Any) -> Iterator[str]:
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key in sorted(live.keys() | wanted.keys()):
            before, after = live.get(key, _ABSENT), wanted.get(key, _ABSENT)
            # Servers before 1.34 send `creationTimestamp: null` in pod templates; newer ones leave it out.
            if not (key == "creationTimestamp" and {before, after} <= {None, _ABSENT}):
                yield from _differences(_below(path, key), before, after)
    elif isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        for index, (before, after) in enumerate(zip(live, wanted, strict=True)):
            yield from _differences(f"{path}[{index}]", before, after)
    elif live != wanted or isinstance(live, bool) != isinstance(wanted, bool):  # in Python, True == 1
        yield path


def _below(path: str, key: str) -> str:
    if key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"
