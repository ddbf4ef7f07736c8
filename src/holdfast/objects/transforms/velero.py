"""Rows for what Velero left in objects that it restored once: it waits for something that will not come again."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, items, put, remove
from holdfast.objects.transforms.transform import Context, Transform

_WAITER = "restore-wait"
_WAITER_PROGRAM = "velero"  # in its image or its command, whatever the version
_SELECTED = "velero.io/dynamic-pv-restore"


def _drop_waiter(obj: Object, _: Context) -> None:
    containers = items(obj, "spec", "initContainers")
    kept = [each for each in containers if not _is_waiter(each)]
    if len(kept) < len(containers):
        remove(obj, "spec", "initContainers")
        if kept:
            put(obj, "spec", "initContainers", value=kept)


def _is_waiter(container: Object) -> bool:
    program = f"{container.get('image')} {container.get('command')}"
    return container.get("name") == _WAITER and _WAITER_PROGRAM in program


def _drop_selector(obj: Object, _: Context) -> None:
    remove(obj, "spec", "selector", "matchLabels", _SELECTED)


def _carry_selector(live: Object, desired: Object, _: Context) -> None:
    labels = at(live, "spec", "selector", "matchLabels")
    if _SELECTED in labels:
        put(desired, "spec", "selector", "matchLabels", _SELECTED, value=labels[_SELECTED])


VELERO: tuple[Transform, ...] = (
    Transform(
        "velero-waiting-container",
        "A Pod that Velero restored once has a container `restore-wait`, which would wait for Velero's files for ever.",
        frozenset({"pods"}),
        change=_drop_waiter,
    ),
    Transform(
        "velero-claim-selector",
        "A claim that Velero's data mover restored once selects the one volume that was made for it by a label; no other"
        " volume will ever bear it.",
        frozenset({"persistentvolumeclaims"}),
        change=_drop_selector,
        carry=_carry_selector,
    ),
)
