"""What the controller has seen of the cluster: written by the watches, read by decisions.

One lock, held for short lookups only. Objects are replaced, never changed, so what was read stays as it was.

What the controller itself wrote is noted as soon as the server has answered. Without that the next decision might come before the
watches have told of it, and would write the same once more.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.metadata import Metadata
from holdfast.api.names import (
    BACKUP_PLANS,
    BACKUPS,
    KIND_LABEL,
    MANAGED_BY,
    MANAGER,
    OWNER_ANNOTATION,
    RESOURCES,
    RESTORES,
    STORAGE_LOCATIONS,
)
from holdfast.api.restore import Restore
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.views import NAMESPACES, PODS, CronJob, Job, Namespace, Pod
from holdfast.manifests.jobs import CRON_JOBS, JOBS
from holdfast.model.kubernetes import Resource

OURS = f"{MANAGED_BY}={MANAGER}"


class Key(NamedTuple):
    """One of our objects, which decisions are about."""

    kind: str  # "BackupPlan"
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What is watched, and as what it is kept."""

    resource: Resource
    type: type[Any]
    label_selector: str = ""


KINDS = (
    Kind(STORAGE_LOCATIONS, StorageLocation),
    Kind(BACKUP_PLANS, BackupPlan),
    Kind(BACKUPS, Backup),
    Kind(RESTORES, Restore),
    Kind(CRON_JOBS, CronJob, OURS),
    Kind(JOBS, Job, OURS),
    Kind(PODS, Pod, OURS),
    Kind(NAMESPACES, Namespace),
)

T = TypeVar("T")
_Name = tuple[str, str]  # namespace, name
_OWN_KINDS = frozenset(resource.kind for resource in RESOURCES)


class _OnlyMetadata(msgspec.Struct):
    metadata: Metadata


class World:
    """`changed` is called, outside of the lock, with the key of each of our objects that something happened to."""

    def __init__(self, changed: Callable[[Key], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, dict[_Name, Any]] = {kind.resource.kind: {} for kind in KINDS}
        self._decoders = {kind.resource.kind: msgspec.json.Decoder(kind.type) for kind in KINDS}
        self._made_for: dict[Key, dict[str, set[_Name]]] = defaultdict(lambda: defaultdict(set))
        self._unreadable: dict[Key, str] = {}  # why: an older or newer Holdfast's, or made before there was a schema
        self._heard: dict[str, int] = defaultdict(int)  # by kind: the newest version that its watch told of

    def listed(self, kind: str, items: Iterable[bytes]) -> None:
        """All objects of a kind: what is not among them is gone."""
        with self._lock:
            self._heard[kind] = 0  # versions begin anew where somebody restored the API server's own data
        present = set()
        for item in items:
            present.add(self._keep(kind, item, listed=True))
        with self._lock:
            gone = self._objects[kind].keys() - present
        for name in gone:
            self._remove(kind, name)

    def put(self, kind: str, item: bytes) -> None:
        """What a watch told: an object is there, or is another now."""
        self._keep(kind, item)

    def wrote(self, kind: str, item: bytes) -> None:
        """What the server answered to a write of our own."""
        self._keep(kind, item, own=True)

    def _keep(self, kind: str, item: bytes, *, listed: bool = False, own: bool = False) -> _Name:
        try:
            found = self._decoders[kind].decode(item)
        except msgspec.ValidationError as error:
            return self._put_unreadable(kind, item, str(error))
        name = (found.metadata.namespace, found.metadata.name)
        owner = self._owner(kind, found.metadata)
        version = _number(found.metadata.resource_version)
        with self._lock:
            if own and version <= self._heard[kind]:
                return name  # the watch told of it already, and maybe of its end
            if not own:
                self._heard[kind] = max(self._heard[kind], version)
            former = self._objects[kind].get(name)
            known = _number(former.metadata.resource_version) if former is not None else 0
            if known and (version == known or (version < known and not listed)):
                return name  # noted when it was written
            self._objects[kind][name] = found
            if owner is not None:
                self._unreadable.pop(owner, None)
                if kind not in _OWN_KINDS:
                    self._made_for[owner][kind].add(name)
        self._tell(kind, name, owner, concerns_others=_concern(former) != _concern(found))
        return name

    def delete(self, kind: str, item: bytes) -> None:
        """What a watch told: an object is gone."""
        metadata = msgspec.json.decode(item, type=_OnlyMetadata).metadata
        name, version = (metadata.namespace, metadata.name), _number(metadata.resource_version)
        with self._lock:
            self._heard[kind] = max(self._heard[kind], version)
            known = self._objects[kind].get(name)
            if known is not None and _number(known.metadata.resource_version) > version:
                return  # we made another one of that name since
        self._remove(kind, name)

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        with self._lock:
            return self._objects[kind.__name__].get((namespace, name))

    def all(self, kind: type[T]) -> list[T]:
        with self._lock:
            return list(self._objects[kind.__name__].values())

    def made_for(self, key: Key, kind: type[T]) -> list[T]:
        """CronJobs, Jobs or Pods that work for one of our objects, oldest first."""
        with self._lock:
            names = self._made_for[key][kind.__name__] if key in self._made_for else ()
            found = [self._objects[kind.__name__][name] for name in names]
        return sorted(found, key=lambda one: (one.metadata.creation_timestamp, one.metadata.name))

    def unreadable(self, key: Key) -> str | None:
        """Why one of our objects does not decode; None if it does."""
        with self._lock:
            return self._unreadable.get(key)

    def keys(self) -> list[Key]:
        """All our objects."""
        with self._lock:
            return [Key(kind, *name) for kind in sorted(_OWN_KINDS) for name in self._objects[kind]]

    def namespace_is_going(self, name: str) -> bool:
        namespace = self.get(Namespace, "", name)
        return namespace is not None and namespace.is_going

    def _put_unreadable(self, kind: str, item: bytes, why: str) -> _Name:
        metadata = msgspec.json.decode(item, type=_OnlyMetadata).metadata
        name = (metadata.namespace, metadata.name)
        if kind in _OWN_KINDS:
            key = Key(kind, *name)
            with self._lock:
                self._unreadable[key] = why
            self._changed(key)
        return name

    def _remove(self, kind: str, name: _Name) -> None:
        with self._lock:
            former = self._objects[kind].get(name)
            if former is None or self._is_wanted(former):
                return
            del self._objects[kind][name]
            if isinstance(former, Job):
                self._bury(former)
            owner = self._owner(kind, former.metadata)
            if owner is not None and owner in self._made_for and kind not in _OWN_KINDS:
                self._made_for[owner][kind].discard(name)
                if not any(self._made_for[owner].values()):
                    del self._made_for[owner]
            if owner is not None and kind in _OWN_KINDS:
                self._unreadable.pop(owner, None)
        self._tell(kind, name, owner)

    def _is_wanted(self, former: Any) -> bool:
        """Whether it is kept although it is gone: an evicted pod goes before its Job says how it ended."""
        if not isinstance(former, Pod) or not former.has_ended:
            return False
        return (former.metadata.namespace, former.job) in self._objects["Job"]

    def _bury(self, job: Job) -> None:
        """Its pods go with it."""
        owner = self._owner("Job", job.metadata)
        if owner is None or owner not in self._made_for:
            return
        pods = self._made_for[owner]["Pod"]
        for name in [name for name in pods if self._objects["Pod"][name].job == job.metadata.name]:
            del self._objects["Pod"][name]
            pods.discard(name)

    def _owner(self, kind: str, metadata: Metadata) -> Key | None:
        if kind in _OWN_KINDS:
            return Key(kind, metadata.namespace, metadata.name)
        owner = metadata.labels.get(KIND_LABEL, "")
        name = metadata.annotations.get(OWNER_ANNOTATION, "")
        return Key(owner, metadata.namespace, name) if owner in _OWN_KINDS and name else None

    def _tell(self, kind: str, name: _Name, owner: Key | None, *, concerns_others: bool = True) -> None:
        if owner is not None:
            self._changed(owner)
        if (
            kind == "StorageLocation"
        ):  # plans and requests may wait for it, and other locations may share its repository
            for key in self.keys():
                is_near = key.namespace == name[0]
                if key != owner and (is_near or (concerns_others and key.kind == "StorageLocation")):
                    self._changed(key)
        elif kind == "Namespace" and concerns_others:
            for key in self.keys():
                if key.namespace == name[1]:
                    self._changed(key)


def _concern(found: Any) -> str | bool:
    """What matters of a location to those of other namespaces, and of a namespace to what is in it."""
    if isinstance(found, StorageLocation):
        return found.spec.url
    return isinstance(found, Namespace) and found.is_going


def _number(version: str) -> int:
    """A resourceVersion; 0 for one of an API server that counts otherwise, where nothing can be said about the order."""
    return int(version) if version.isdecimal() else 0
