"""Which owners in GitOps, alive in the target, look after what a plan restores."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

import msgspec

from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object, name_of, namespace_of
from holdfast.objects.gitops import APPLICATIONS, TOOLS, Claim, claims
from holdfast.objects.pausing import GITOPS, is_still
from holdfast.operations.restore.target import Target


@dataclass(frozen=True, slots=True)
class Owner:
    """A live owner and for how many of the restored objects it stands."""

    key: ObjectKey
    tool: str
    objects: int
    is_still: bool

    def note(self, *, pausing: bool) -> str:
        begin = f"{self.tool} looks after {self.objects:,} of these objects ({self.key})"
        if self.is_still:
            return f"{begin}; it is paused already, and stays so."
        if pausing:
            return f"{begin}; it is paused while the restore runs, and afterwards applies its source again."
        return f"{begin} and will undo what differs from its source; --pause-gitops holds it still for the time of the restore."


class Owners:
    """Collects the marks of objects; asks the target for the owners once, and only if there are marks. Thread-safe."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._guard = threading.Lock()
        self._claims: Counter[Claim] = Counter()
        self._keys: dict[str, list[ObjectKey]] = {}

    def look_at(self, original: Object, desired: Object) -> None:
        moved = namespace_of(original) != namespace_of(desired)
        # Flux knows the objects that it applied by namespace, so a copy in another one is none of its.
        found = [claim for claim in claims(desired) if claim.kind == APPLICATIONS or not moved]
        with self._guard:
            self._claims.update(found)

    def found(self) -> list[Owner]:
        """Those that exist, by their keys."""
        owners = []
        for kind in sorted({claim.kind for claim in self._claims}):
            plural, _, group = kind.partition(".")
            resource = self._target.surface.preferred(group, plural)
            for live in self._list(resource) if resource else ():
                namespace, name = namespace_of(live), name_of(live)
                count = self._claims[Claim(kind, namespace, name)] + self._claims[Claim(kind, "", name)]
                if count:
                    key = ObjectKey(group, plural, namespace, name)
                    owners.append(Owner(key, TOOLS[kind], count, is_still(live, GITOPS[kind])))
        return sorted(owners, key=lambda owner: owner.key)

    def of(self, live: Object) -> str:
        """Who makes this object and would make it again, as `applications.argoproj.io/argocd/shop`; "" if nobody."""
        for claim in sorted(claims(live)):
            for key in self._existing(claim.kind):
                if claim.name == key.name and claim.namespace in ("", key.namespace):
                    return str(key)
        return ""

    def _existing(self, kind: str) -> list[ObjectKey]:
        """Of a kind of owners, listed once."""
        with self._guard:
            if kind not in self._keys:
                plural, _, group = kind.partition(".")
                resource = self._target.surface.preferred(group, plural)
                listed = self._list(resource) if resource else []
                self._keys[kind] = [ObjectKey(group, plural, namespace_of(one), name_of(one)) for one in listed]
            return self._keys[kind]

    def _list(self, resource: Resource) -> list[Object]:
        try:
            pages = list(self._target.cluster.list(resource))
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            return []  # whoever may not see the owners may not pause them either
        return [msgspec.json.decode(data) for page in pages for data in page.items]
