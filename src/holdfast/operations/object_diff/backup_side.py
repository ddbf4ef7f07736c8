"""A backup as one side of a diff."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import msgspec

from holdfast.cluster.surface import ApiSurface
from holdfast.errors import DamagedData
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.model.selection import Selection
from holdfast.objects.fields import Object, at, items
from holdfast.objects.paths import ROOT, object_path, parse_object_path
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.capture import Taken
from holdfast.operations.object_diff.lenient_source import LenientSource
from holdfast.operations.object_diff.sides import Held, Side
from holdfast.operations.restore.opening import OpenedBackup
from holdfast.repository.contents import FoundNode
from holdfast.repository.repository import Repository
from holdfast.repository.tree import Node, NodeType, content_ids

_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)


class BackupSide(Side):
    """A backup. Its objects are read only when they are needed."""

    def __init__(
        self,
        repository: Repository,
        backup: OpenedBackup,
        surface: ApiSurface,
        namespaces: Iterable[str],
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        """`surface` is the other side's, whose kinds can be asked for here as well."""
        self._backup = BackupSource(repository.reader, backup.contents, backup.record, surface, cancel)
        self._contents = backup.contents
        self._kinds = {(kind.group, kind.plural): kind for kind in self._backup.api_surface().resources}
        self._definitions: dict[str, Object] = {}
        super().__init__(LenientSource(self._backup, (), namespaces), cancel, progress)
        self.problems = self._backup.problems
        self.problems.extend(backup.problems)

    def select(self, selection: Selection, scope: Selection | None, take: Callable[[Held], None]) -> None:
        super().select(selection, scope, take)
        self.hides = self.hides or bool(self.problems)  # what is damaged is there all the same

    def everything(self) -> Iterator[Held]:
        """All objects of the backup, from its directories: no object is read."""
        for found in self._contents.walk(ROOT):
            self.cancel.check()
            if isinstance(found, DamagedData):
                self.problems.append(Problem.of(found))
                self.hides = True
            elif found.node.type is NodeType.FILE and (held := self.at(found)) is not None:
                yield held

    def at(self, found: FoundNode) -> Held | None:
        """The object in a file; None, and a problem, if nobody can say which one it is."""
        try:
            place = parse_object_path(found.path)
            self._backup.know(found.path, found.node)
            name = place.name or self._name(found.path, found.node)
        except DamagedData as error:
            self.problems.append(Problem.of(error, found.path))
            return None
        resource = self._kinds.get((place.group, place.plural))
        if resource is None:
            resource = Resource(place.group, place.version, place.plural, "", bool(place.namespace))
        if resource.version != place.version:
            resource = replace(resource, version=place.version)
        return Held(resource, place.key(name), tuple(content_ids(found.node)))

    def read(self, held: Sequence[Held]) -> Iterator[tuple[ObjectKey, Object]]:
        yield from super().read(held)
        by_path = {
            object_path(one.resource, one.key.namespace, one.key.name): one.key for one in held if one.data is None
        }
        for path, obj in self._backup.read_objects(list(by_path)):
            yield by_path[path], obj

    def subresources(self, api_version: str, kind: str) -> frozenset[str]:
        """As the definition in the backup says, if it is there: it may be another one than the cluster's."""
        group, _, version = api_version.rpartition("/")
        resource = self._backup.api_surface().by_kind(api_version, kind)
        if resource is None or "." not in group or group.endswith(".k8s.io"):
            return frozenset(("status",))
        name = f"{resource.plural}.{group}"
        if name not in self._definitions:
            with suppress(DamagedData):
                data = self._backup.get(_DEFINITIONS, "", name)
                self._definitions[name] = msgspec.json.decode(data) if data else {}
        for served in items(self._definitions.get(name, {}), "spec", "versions"):
            if served.get("name") == version:
                return frozenset(at(served, "subresources"))
        return resource.subresources

    def _hold(self, taken: Taken, key: ObjectKey) -> Held:
        path = object_path(taken.resource, key.namespace, key.name)
        return Held(taken.resource, key, self._backup.content(path))

    def _name(self, path: str, node: Node) -> str:
        """Of an object whose name is too long for a file."""
        for _, data in self._backup.read_objects([path]):
            return str(at(data, "metadata").get("name", ""))
        raise DamagedData(f"{path} cannot be read", why=f"its {node.size} bytes are lost")
