"""One patch: whom it is for, what it does to an object, and what happens if it cannot.

All patches of a restore look at an object as it is after the transforms and before the first patch; then those that are for
it are applied in their order. A patch changes what an object says, never which object it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at, name_of, namespace_of
from holdfast.objects.patching.failures import PatchFailed, TestFailed
from holdfast.objects.patching.json_patch import Operation, apply_json_patch
from holdfast.objects.patching.merge_patch import apply_merge_patch
from holdfast.objects.patching.shapes import shape_of
from holdfast.objects.patching.strategic import apply_strategic_patch


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that a target looks at: its kind as it is sent, its names in the backup, and the desired object."""

    resource: Resource
    namespace: str
    name: str
    object: Object

    @property
    def labels(self) -> dict[str, str]:
        return {str(key): str(value) for key, value in at(self.object, "metadata", "labels").items()}


Change = Callable[[Object, Resource], Any]
"""The object and its kind → the patched object. It may raise PatchFailed and leaves its argument as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """`place` says where it was written, as `patches.yaml, patch 2`."""

    place: str
    is_for: Callable[[Subject], bool]
    change: Change


@dataclass(frozen=True, slots=True)
class Patched:
    """Exactly one of `object` and `failure` is set."""

    object: Object | None
    failure: str
    used: tuple[Patch, ...]  # those that were for the object


def apply_patches(patches: Iterable[Patch], subject: Subject) -> Patched:
    """The object with all patches that are for it. The subject stays as it is; nothing is raised."""
    used: list[Patch] = []
    result: Any = subject.object
    for patch in patches:
        try:
            if not patch.is_for(subject):
                continue
            used.append(patch)
            result = patch.change(result, subject.resource)
            _check_identity(subject.object, result)
        except PatchFailed as failure:
            return Patched(None, f"{patch.place} cannot be applied: {failure}", tuple(used))
    return Patched(result, "", tuple(used))


def json_patch(operations: Sequence[Operation], *, skip_when_test_fails: bool = False) -> Change:
    """`skip_when_test_fails`: a `test` that finds another value is no failure, and nothing is changed."""

    def change(obj: Object, _: Resource) -> Any:
        try:
            return apply_json_patch(obj, operations)
        except TestFailed:
            if not skip_when_test_fails:
                raise
            return obj

    return change


def merge_patch(patch: Object) -> Change:
    return lambda obj, _: apply_merge_patch(obj, patch)


def strategic_patch(patch: Object) -> Change:
    def change(obj: Object, resource: Resource) -> Any:
        shape = shape_of(resource.group_resource)
        if shape is None:
            raise PatchFailed(
                f"{resource.group_resource} is a custom kind, and a strategic merge patch is for built-in ones; use merge"
            )
        return apply_strategic_patch(obj, patch, shape)

    return change


def strategic_or_merge_patch(patch: Object) -> Change:
    """As Kustomize has it: a strategic merge patch for built-in kinds, a merge patch for custom ones."""
    strategic, merge = strategic_patch(patch), merge_patch(patch)
    return lambda obj, resource: (merge if shape_of(resource.group_resource) is None else strategic)(obj, resource)


def _check_identity(before: Object, after: Any) -> None:
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        raise PatchFailed("what it leaves is not an object with metadata")
    for what, old, new in (
        ("apiVersion", before.get("apiVersion"), after.get("apiVersion")),
        ("kind", before.get("kind"), after.get("kind")),
        ("name", name_of(before), name_of(after)),
        ("namespace", namespace_of(before), namespace_of(after)),
    ):
        if old != new:
            hint = "; --map-namespace does that" if what == "namespace" else ""
            raise PatchFailed(f"it would change the {what} from {old!r} to {new!r}{hint}")
