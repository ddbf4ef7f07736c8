"""Finding what belongs to workloads: the kinds of their namespaces are listed, and relations followed from object to object.

Anything may be owned by a workload, so every kind is listed, but only in the namespaces of the workloads; beyond them, single
objects are read. What the lists brought is kept as far as there is room, since most of it may belong to others; what is not kept
is read once more when it is taken.

Where a kind may not be listed, its refusal is named, and objects of it that others name are read one by one.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

from holdfast.cluster.surface import ApiSurface
from holdfast.errors import ApiRefused, DamagedData, NotFound
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.objects.exclusions import excluded_kind
from holdfast.objects.metadata import Glimpse, glimpse, key_of
from holdfast.objects.relations.closure import Closure, Node, Reached
from holdfast.objects.selection import AppliedSelection
from holdfast.operations.source import Source

_PARALLEL_LISTS = 4
_ROOM = 64 << 20
"""Bytes of listed objects that are kept until it is known which of them belong to the workloads."""


class Related(NamedTuple):
    """An object that a workload leads to, which may still be one that is never backed up."""

    resource: Resource
    seen: Glimpse
    data: bytes
    reason: str


class WorkloadCapture:
    """One pass. `name_refusal` takes what could not be listed (kind, namespace) or read (an object), and why."""

    def __init__(
        self,
        source: Source,
        applied: AppliedSelection,
        name_refusal: Callable[[Resource | str, str, ApiRefused | DamagedData], None],
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._source = source
        self._applied = applied
        self._name_refusal = name_refusal
        self._cancel = cancel
        self._progress = progress
        self._surface: ApiSurface = source.api_surface()
        self._closure = Closure(self._surface.resources)
        self._workloads = frozenset(entry.key for entry in applied.workloads)
        self._kept: dict[ObjectKey, bytes] = {}
        self._room = _ROOM
        self._listed: set[tuple[str, str]] = set()  # (kind, namespace) that were listed to their end
        self._asked: set[ObjectKey] = set()
        self._unreadable: set[ObjectKey] = set()
        self._working = threading.Lock()

    def find(self) -> Iterator[Related]:
        """Raises NotFound for a workload that does not exist, ApiRefused for one that may not be read, Cancelled."""
        namespaces = sorted({key.namespace for key in self._workloads})
        with ThreadPoolExecutor(_PARALLEL_LISTS, thread_name_prefix="holdfast-list") as pool:
            tasks = [pool.submit(self._list, kind, name) for kind, name in product(self._kinds_to_list(), namespaces)]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        reached = self._follow()
        for key in self._workloads:
            if key not in self._closure and key not in self._unreadable:
                raise self._no_such_workload(key)
        for key, reason in sorted(reached.members.items()):
            self._cancel.check()
            resource = self._surface.preferred(key.group, key.plural)
            data = self._kept.pop(key, None) or (resource and self._read(resource, key, reason))
            if resource and data:
                yield Related(resource, glimpse(data), data, reason)

    def _kinds_to_list(self) -> list[Resource]:
        return [
            resource
            for resource in self._surface.resources
            if resource.namespaced and not self._is_left_out(resource) and excluded_kind(resource) is None
        ]

    def _is_left_out(self, resource: Resource) -> bool:
        return resource.group_resource in self._applied.kinds.exclude

    def _list(self, resource: Resource, namespace: str) -> None:
        nodes: dict[ObjectKey, Node] = {}
        try:
            for page in self._source.list(resource, namespace=namespace):
                with self._working:
                    if page.restarted:
                        self._forget(nodes)
                    for data in page.items:
                        self._note(nodes, resource, data)
                self._progress.advance(len(page.items), sum(map(len, page.items)))
        except ApiRefused as error:
            self._name_refusal(resource, namespace, error)
            with self._working:
                self._forget(nodes)
            return
        with self._working:
            self._closure.add(nodes.values())
            self._listed.add((resource.group_resource, namespace))

    def _note(self, nodes: dict[ObjectKey, Node], resource: Resource, data: bytes) -> None:
        """A workload that asks to stay out is noted as one that leads nowhere, so that it can be said that it does."""
        seen = glimpse(data)
        key = key_of(resource, seen)
        if self._applied.leads_on(resource, seen):
            nodes[key] = self._closure.read(resource, seen, data)
        elif key in self._workloads:
            nodes[key] = Node(key)
        else:
            return
        if self._room >= len(data):
            self._room -= len(data)
            self._kept[key] = data

    def _forget(self, nodes: dict[ObjectKey, Node]) -> None:
        for key in nodes:
            self._room += len(self._kept.pop(key, b""))
        nodes.clear()

    def _follow(self) -> Reached:
        """Until nothing is named that was neither listed nor asked for."""
        while True:
            reached = self._closure.follow(self._workloads)
            missing = {key: reason for key, reason in reached.missing.items() if self._is_to_be_asked_for(key)}
            if not missing:
                return reached
            nodes: dict[ObjectKey, Node] = {}
            for key, reason in missing.items():
                self._cancel.check()
                self._asked.add(key)
                resource = self._surface.preferred(key.group, key.plural)
                if resource is not None and (data := self._read(resource, key, reason)) is not None:
                    self._note(nodes, resource, data)
            self._closure.add(nodes.values())

    def _is_to_be_asked_for(self, key: ObjectKey) -> bool:
        if key in self._asked:
            return False
        if key in self._workloads:
            return True
        resource = self._surface.preferred(key.group, key.plural)
        if resource is None or self._is_left_out(resource) or excluded_kind(resource):
            return False
        if not resource.namespaced:
            return self._applied.follows_companions
        return (resource.group_resource, key.namespace) not in self._listed

    def _read(self, resource: Resource, key: ObjectKey, reason: str) -> bytes | None:
        """None for what is not there, or cannot be read, which is named."""
        try:
            return self._source.get(resource, key.namespace, key.name)
        except ApiRefused as error:
            if key in self._workloads:
                raise
            self._name_refusal(f"{key} ({reason})", "", error)
        except DamagedData as error:
            self._unreadable.add(key)
            self._name_refusal(f"{key} ({reason})", "", error)
        return None

    def _no_such_workload(self, key: ObjectKey) -> NotFound:
        near = difflib.get_close_matches(key.name, self._closure.names_beside(key))
        return NotFound(
            f"{key} does not exist",
            why=f"similar names are {', '.join(near)}"
            if near
            else "no object of this kind and namespace has a similar name",
            next="Check the kind, the namespace and the name.",
        )
