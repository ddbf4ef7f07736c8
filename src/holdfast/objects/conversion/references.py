"""References from one object to another by apiVersion and kind, kept true when the other one is converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.objects.fields import Object, at, items

Renamed = Callable[[str, str], str]
"""(apiVersion, kind) → the apiVersion in which the target has that kind; the same if nothing is known."""

_TARGETS = ("scaleTargetRef", "targetRef", "workloadRef")


def rename_references(obj: Object, renamed: Renamed) -> bool:
    """Changes `ownerReferences` and the targets of autoscalers in place. Whether anything was changed."""
    changed = False
    for reference in _references(obj):
        api_version, kind = reference.get("apiVersion"), reference.get("kind")
        if (
            isinstance(api_version, str)
            and isinstance(kind, str)
            and (new := renamed(api_version, kind)) != api_version
        ):
            reference["apiVersion"] = new
            changed = True
    return changed


def has_references(obj: Object) -> bool:
    return any(True for _ in _references(obj))


def _references(obj: Object) -> Iterator[Object]:
    yield from items(obj, "metadata", "ownerReferences")
    for field in _TARGETS:
        if reference := at(obj, "spec", field):
            yield reference
    for metric in items(obj, "spec", "metrics"):
        if reference := at(metric, "object", "describedObject"):
            yield reference
