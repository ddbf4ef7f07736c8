"""Is the live object already what a restore would make of it?

The answer is exact for everything that users and their tools set: the desired object is completed with what the server
filled in or must not change (`carried`), and then has to equal the live one. So two objects are the same if an update
would change nothing. Only the order of finalizers and owners, the UIDs of owners, notes of controllers in annotations, and
fields that are absent on one side and have their default on the other make no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.objects.diff.noise import comparable, object_changes
from holdfast.objects.diff.walk import Change, path_text
from holdfast.objects.fields import Object
from holdfast.objects.transforms.transform import Context, Transform, carried


def same(live: Object, desired: Object, transforms: Sequence[Transform], group_resource: str, context: Context) -> bool:
    """Whether an update of `live` with `desired`, which `apply` gave, would change nothing."""
    return not changes(live, desired, transforms, group_resource, context)


def changes(
    live: Object, desired: Object, transforms: Sequence[Transform], group_resource: str, context: Context
) -> list[Change]:
    """What such an update would change: `before` is live, `after` is what it would be."""
    wanted = carried(transforms, group_resource, live, desired, context)
    return object_changes(comparable(live, group_resource), comparable(wanted, group_resource), group_resource)


def differences(
    live: Object,
    desired: Object,
    transforms: Sequence[Transform],
    group_resource: str,
    context: Context,
    *,
    limit: int = 10,
) -> list[str]:
    """Paths of the same fields, as `spec.ports[80/TCP].port`; at most `limit`, never any values.

    Keys that are not plain words are quoted: `data["tls.key"]`.
    """
    found = changes(live, desired, transforms, group_resource, context)
    return [path_text(change.path) for change in found[:limit]]
