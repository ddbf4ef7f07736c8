"""All that is done to an object on its way from the backup into the target, in one place for the plan, the dry run and the run.

Its version is fitted, the transforms make it the desired object, then the user's patches are applied.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, name_of, namespace_of
from holdfast.objects.patching.patch import Patch, Subject, apply_patches
from holdfast.objects.transforms import Context, Transform, apply
from holdfast.operations.restore.versions import Versions


@dataclass(frozen=True, slots=True)
class Prepared:
    """`object` is the desired object; None if `not_restored` or `blocked` says why there is none."""

    original: Object  # the backup's, in the version that is sent
    object: Object | None = None
    not_restored: str = ""  # by a rule
    blocked: str = ""  # by a patch that cannot be applied


class Preparation:
    """Of the objects of one restore. Thread-safe."""

    def __init__(
        self, versions: Versions, transforms: Sequence[Transform], context: Context, patches: Sequence[Patch]
    ) -> None:
        self.versions = versions
        self._transforms = transforms
        self._context = context
        self._patches = patches
        self._used: set[Patch] = set()
        self._guard = threading.Lock()

    def within(self, context: Context) -> Preparation:
        """The same, with another look at the target."""
        return Preparation(self.versions, self._transforms, context, self._patches)

    def prepare(self, resource: Resource, original: Object) -> Prepared:
        """`resource` is the kind as it is sent (`Versions.route`). `original` stays as it is."""
        fitted = self.versions.fit(original, resource)
        outcome = apply(self._transforms, resource.group_resource, fitted, self._context)
        if outcome.object is None:
            return Prepared(fitted, not_restored=outcome.not_restored or "")
        patched = apply_patches(
            self._patches, Subject(resource, namespace_of(original), name_of(original), outcome.object)
        )
        with self._guard:
            self._used.update(patched.used)
        return Prepared(fitted, patched.object, blocked=patched.failure)

    def notes(self) -> list[str]:
        """After the plan: the patches that were for nothing, which may be a typing error."""
        return [f"{patch.place} is for no object of this restore" for patch in self._patches if patch not in self._used]
