"""A source that may be asked for what only the other side has: there is none of it, which is an answer, no error.

A diff asks both sides with one selection. A namespace or a kind that is gone on one side is just what it wants to know. And
what could not be listed is remembered, because nobody may say of it that it was removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from holdfast.cluster.listing import Page
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.metadata import glimpse
from holdfast.objects.selection import NAMESPACES
from holdfast.operations.source import Source


class LenientSource:
    """`source` with the kinds and namespaces that the other side knows. Kinds come in the other side's versions if they can."""

    def __init__(self, source: Source, kinds: Iterable[Resource], namespaces: Iterable[str]) -> None:
        self._source = source
        self._own = source.api_surface()
        others = {(kind.group, kind.plural): kind for kind in kinds}
        own = [self._in_version_of(others.get((kind.group, kind.plural)), kind) for kind in self._own.resources]
        self._surface = ApiSurface(
            [*own, *(kind for kind in others.values() if not self._has(kind))], self._own.unavailable
        )
        self._namespaces = frozenset(namespaces)
        self._listed: set[tuple[str, str | None]] = set()
        self._refused: set[tuple[str, str | None]] = set()

    def api_surface(self) -> ApiSurface:
        return self._surface

    def list(self, resource: Resource, *, namespace: str | None = None, label_selector: str = "") -> Iterator[Page]:
        scope = (resource.group_resource, namespace)
        if not self._has(resource):
            if any(name.partition("/")[0] == resource.group for name in self._own.unavailable):
                self._refused.add((resource.group_resource, None))
            return
        missing = set(self._namespaces) if resource.group_resource == NAMESPACES else set()
        try:
            for page in self._source.list(resource, namespace=namespace, label_selector=label_selector):
                if missing and page.restarted:
                    missing = set(self._namespaces)
                if missing:
                    missing -= {glimpse(data).name for data in page.items}
                yield page
        except ApiRefused:
            self._refused.add(scope)
            raise
        self._listed.add(scope)
        if missing:
            yield Page([*map(_stand_in, sorted(missing))], "", None, restarted=False)

    def get(self, resource: Resource, namespace: str, name: str) -> bytes | None:
        found = self._source.get(resource, namespace, name) if self._has(resource) else None
        if found is None and resource.group_resource == NAMESPACES and name in self._namespaces:
            return _stand_in(name)  # asked for by accounts that may not list namespaces
        return found

    def is_unknown(self, key: ObjectKey) -> bool:
        """Whether the object may be there although no list had it: its list was refused."""
        kind = key.group_resource
        if (kind, key.namespace) in self._refused:
            return True
        return (kind, None) in self._refused and (kind, key.namespace) not in self._listed

    def _has(self, resource: Resource) -> bool:
        return self._own.preferred(resource.group, resource.plural) is not None

    def _in_version_of(self, other: Resource | None, own: Resource) -> Resource:
        if other is None or other.version not in self._own.served(own.group, own.plural):
            return own
        return replace(own, version=other.version)


def _stand_in(namespace: str) -> bytes:
    """A namespace that is not here, without a UID, so that it can be selected and is no object."""
    return msgspec.json.encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
