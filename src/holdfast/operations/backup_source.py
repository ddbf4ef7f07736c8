"""A backup's objects, read as if it were a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from holdfast.cluster.listing import Page
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import ClusterError, DamagedData
from holdfast.ids import BlobId
from holdfast.model.backup import BackupRecord, ResourceRecord
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.run import Problem
from holdfast.objects.fields import Object
from holdfast.objects.metadata import glimpse
from holdfast.objects.paths import object_path
from holdfast.operations.contents import Contents
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, content_ids

Entry = TypeVar("Entry")

_PAGE = 500
_KEPT = 32 << 20
"""Bytes of objects kept in memory: a restore reads each one three times, to select it, to plan it and to send it."""

_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, singular="namespace", short_names=("ns",))
_VERBS = frozenset(("get", "list", "create", "delete"))


class BackupSource:
    """A source for captures. What cannot be read is named in `problems` and left out; the rest goes on."""

    def __init__(
        self, reader: BlobReader, contents: Contents, record: BackupRecord, target: ApiSurface, cancel: Cancel
    ) -> None:
        """`target` lends its short names and subresources to kinds that the backup has too.

        Its other kinds can be named as well, in a selection that leaves out what the backup does not have.
        """
        self._reader = reader
        self._contents = contents
        self.record = record
        self._cancel = cancel
        self.kinds = kinds = [_resource(entry, target) for entry in record.resources]
        if not any(kind.group_resource == _NAMESPACES.group_resource for kind in kinds):
            kinds.append(_NAMESPACES)
        self._kinds = {kind.group_resource for kind in kinds}
        others = (kind for kind in target.resources if kind.group_resource not in self._kinds)
        self._surface = ApiSurface([*kinds, *others])
        self._content: dict[str, tuple[BlobId, ...]] = {}
        self._keeping = threading.Lock()
        self._kept: dict[str, bytes] = {}
        self._room = _KEPT
        self.problems: list[Problem] = []
        self.damaged: set[str] = set()  # paths of objects that cannot be read or are not what their paths say

    def api_surface(self) -> ApiSurface:
        return self._surface

    def list(self, resource: Resource, *, namespace: str | None = None, label_selector: str = "") -> Iterator[Page]:
        """Label selectors are not applied here: the selection looks at every object's labels itself."""
        del label_selector
        if resource.group_resource not in self._kinds:
            return
        directory = _directory(resource)
        read: set[str] = set()
        for scope in self._intact(directory, lambda: self._scopes(directory, namespace)):
            found = self._intact(scope, partial(self._contents.entries, scope))
            for start in range(0, len(found), _PAGE):
                self._cancel.check()
                page = found[start : start + _PAGE]
                self._content.update((entry.path, tuple(content_ids(entry.node))) for entry in page)
                items = dict(self._in_place(resource, self._read([entry.path for entry in page])))
                if resource.group_resource == _NAMESPACES.group_resource:
                    read.update(items)
                yield Page([*items.values()], "", None, restarted=False)
        if resource.group_resource == _NAMESPACES.group_resource:
            yield Page([*self._stand_ins(read)], "", None, restarted=False)

    def get(self, resource: Resource, namespace: str, name: str) -> bytes | None:
        """Raises DamagedData."""
        path = object_path(resource, namespace, name)
        try:
            found = self._contents.find(path)
            if found is None:
                return None
            self._content[path] = tuple(content_ids(found.node))
            return self._reader.load_file(self._content[path])
        except DamagedData as error:
            raise DamagedData(f"{path} cannot be read", why=str(error)) from error

    def holds(self, resource: Resource, namespace: str, name: str) -> bool:
        """Whether the backup has this object, readable or not. Raises DamagedData if its directory cannot be read."""
        return self._contents.find(object_path(resource, namespace, name)) is not None

    def know(self, path: str, node: Node) -> None:
        """Lets `read_objects` read an object that was found by other means than `list` and `get`."""
        self._content[path] = tuple(content_ids(node))

    def content(self, path: str) -> tuple[BlobId, ...]:
        """The blobs of an object that was listed or got before: equal ones are equal objects."""
        return self._content[path]

    def read_objects(self, paths: Sequence[str]) -> Iterator[tuple[str, Object]]:
        """Objects that were listed, got or made known before, decoded, with their paths, in the order in which packs are read."""
        for path, data in self._read(paths):
            try:
                yield path, msgspec.json.decode(data)
            except msgspec.MsgspecError as error:
                self._name_damaged(path, DamagedData(f"{path} is not an object", why=str(error)))

    def _read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """From memory what is kept there, then the rest, in the order in which packs are read."""
        missing = []
        for path in paths:
            if (kept := self._kept.get(path)) is not None:
                yield path, kept
            else:
                missing.append(path)
        for path, data in self._read_packs(missing):
            with self._keeping:
                if self._room >= len(data):
                    self._room -= len(data)
                    self._kept[path] = data
            yield path, data

    def _read_packs(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        wanted = [(content[0], path) for path in paths if len(content := self._content[path]) == 1]
        for path, data in self._reader.load_many(wanted):
            if isinstance(data, DamagedData):
                self._name_damaged(path, data, path)
            else:
                yield path, data
        for path in paths:
            if len(content := self._content[path]) != 1:
                try:
                    yield path, self._reader.load_file(content)
                except DamagedData as error:
                    self._name_damaged(path, error, path)

    def _in_place(self, resource: Resource, objects: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Without those that are no objects, or other ones than their paths say: they would be taken for what they are not."""
        for path, data in objects:
            try:
                seen = glimpse(data)
            except ClusterError as error:
                self._name_damaged(path, DamagedData(f"{path} is not an object", why=error.why))
                continue
            said = (object_path(resource, seen.namespace, seen.name), seen.api_version, seen.kind)
            if said == (path, resource.api_version, resource.kind):
                yield path, data
            else:
                why = f"it says that it is the {seen.kind} {seen.name} of {seen.api_version}"
                self._name_damaged(path, DamagedData(f"{path} is not the object of its path", why=why))

    def _name_damaged(self, path: str, error: DamagedData, what: str = "") -> None:
        """Once for each path, however often it is read."""
        if path not in self.damaged:
            self.damaged.add(path)
            self.problems.append(Problem.of(error, what))

    def _scopes(self, directory: str, namespace: str | None) -> Sequence[str]:
        if namespace is not None:
            return [f"{directory}/{namespace}"] if self._contents.find(f"{directory}/{namespace}") else []
        if self._contents.find(directory) is None:
            return []
        return [entry.path for entry in self._contents.entries(directory) if entry.node.type is NodeType.DIRECTORY]

    def _intact(self, what: str, entries: Callable[[], Sequence[Entry]]) -> Sequence[Entry]:
        """The entries; none, and a problem, if their directory or one above it is damaged."""
        try:
            return entries()
        except DamagedData as error:
            self.problems.append(Problem.of(error, what))
            return ()

    def _stand_ins(self, read: set[str]) -> Iterator[bytes]:
        """For namespaces that are not in the backup, or are damaged, while their objects are: they can be selected."""
        for name in self.record.namespaces:
            if object_path(_NAMESPACES, "", name) not in read:
                yield msgspec.json.encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _directory(resource: Resource) -> str:
    """`/objects/<group>/<version>/<plural>`"""
    return object_path(resource, "", "x").rsplit("/", 2)[0]


def _resource(entry: ResourceRecord, target: ApiSurface) -> Resource:
    known = target.preferred(entry.group, entry.plural)
    return Resource(
        group=entry.group,
        version=entry.version,
        plural=entry.plural,
        kind=entry.kind,
        namespaced=entry.namespaced,
        verbs=_VERBS,
        singular=known.singular if known else entry.kind.lower(),
        short_names=known.short_names if known else (),
        subresources=known.subresources if known else frozenset(("status",)),
    )
