"""Safety points: what a restore is about to change, as it is before, in a snapshot of its own; `restore undo` goes back to it.

Order: read each object that is to be changed, write blobs, index and snapshot, and only then change the first one. An object that
is not any more what the plan saw is taken off the plan.

A restore that follows an interrupted one of the same backup takes over what that one has kept, so that undoing it leads to the
state before both.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId, SnapshotId
from holdfast.model import tags
from holdfast.model.backup import RECORD_PATH, BackupRecord, BackupType, ClusterRecord, resource_records
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import SAFETY_PATH, Action, ObjectName, SafetyRecord
from holdfast.model.run import Outcome, timestamp
from holdfast.objects.fingerprint import fingerprint
from holdfast.objects.metadata import glimpse, key_of
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.capture import Taken
from holdfast.operations.catalog import Catalog, Entry
from holdfast.operations.contents import Contents
from holdfast.operations.object_sink import ObjectSink
from holdfast.operations.publishing import add_document
from holdfast.operations.restore.plan import CHANGED_SINCE, CREATING, PlannedObject, RestorePlan
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_builder import TreeBuilder
from holdfast.version import PROGRAM_VERSION, VERSION

_CHANGING = frozenset((Action.UPDATE, Action.REPLACE, Action.DELETE, Action.MERGE))
_THREADS = 8
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The run that is about to change something."""

    run: str
    backup: str  # id of the snapshot that it restores from
    name: str  # of that backup
    undoes: str  # the run that is taken back; "" if it is a restore
    cluster: str  # uid of the target
    started: dt.datetime


@dataclass(frozen=True, slots=True)
class SafetyPoint:
    """One that can be read."""

    entry: Entry
    contents: Contents
    record: BackupRecord
    safety: SafetyRecord


def open_safety_point(repository: Repository, entry: Entry) -> SafetyPoint:
    """Raises DamagedData, NotFound."""
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    try:
        safety = msgspec.json.decode(contents.read(SAFETY_PATH), type=SafetyRecord)
    except msgspec.MsgspecError as error:
        raise DamagedData(f"the safety point {entry.id.short} cannot be read", why=str(error)) from error
    return SafetyPoint(entry, contents, contents.record(), safety)


def interrupted(catalog: Catalog, cluster: str, backup: str) -> Entry | None:
    """The safety point of the newest restore of this backup into this cluster, if that one did not end by itself.

    None where the account may not know which cluster it is.
    """
    if not cluster:
        return None
    points = [
        entry
        for entry in catalog.safety_points
        if entry.snapshot.hostname == cluster and entry.tags.get(tags.BACKUP) == backup
    ]
    return points[-1] if points and catalog.is_open(points[-1]) else None


def is_needed(plan: RestorePlan) -> bool:
    """Nothing that exists is changed by a plan that only creates; a rollback is kept whole all the same."""
    return plan.options.rollback or any(item.action in _CHANGING for item in plan.objects)


def take(
    repository: Repository,
    lock: Lock,
    plan: RestorePlan,
    occasion: Occasion,
    before: SafetyPoint | None,
    cancel: Cancel,
) -> SnapshotId:
    """Publishes a safety point; objects that are not as planned any more are `blocked` in the plan afterwards."""
    writer = repository.writer(lock, cancel)
    try:
        tree = TreeBuilder()
        keeper = _Keeper(plan, ObjectSink(repository, writer, tree))
        if before is not None:
            keeper.take_over(before, repository, cancel)
        keeper.keep_changing(cancel)
        finished = timestamp(repository.clock.now())
        safety = SafetyRecord(
            run=occasion.run,
            backup=occasion.backup,
            namespaces=dict(plan.options.mapping.namespaces.names),
            absent=[
                ObjectName(kind=key.group_resource, namespace=key.namespace, name=key.name)
                for key in sorted(keeper.absent)
            ],
        )
        add_document(tree, writer, SAFETY_PATH, safety, finished)
        record = keeper.record(occasion, plan, finished)
        add_document(tree, writer, RECORD_PATH, record, finished)
        root = tree.save(writer)
        writer.flush()
        return repository.save_snapshot(_snapshot(occasion, root), lock)
    finally:
        writer.close()


class _Keeper:
    """Stores live objects, and notes which of the plan's objects were absent."""

    def __init__(self, plan: RestorePlan, sink: ObjectSink) -> None:
        self._plan = plan
        self._sink = sink
        self._kept: dict[ObjectKey, Resource] = {}
        self.absent = {item.key for item in plan.objects if item.action in CREATING}

    def take_over(self, before: SafetyPoint, repository: Repository, cancel: Cancel) -> None:
        """What the interrupted run has kept of this plan's namespaces: its state is the older one, so it goes first."""
        planned = {item.key for item in self._plan.objects}
        namespaces = {key.namespace for key in planned if key.namespace}
        surface = self._plan.target.surface
        for name in before.safety.absent:
            resource = surface.of(name.kind)
            if resource is not None:
                key = ObjectKey(resource.group, resource.plural, name.namespace, name.name)
                if key in planned or key.namespace in namespaces:
                    self.absent.add(key)
        source = BackupSource(repository.reader, before.contents, before.record, surface, cancel)
        for resource in source.kinds:
            for page in source.list(resource):
                for data in page.items:
                    seen = glimpse(data)
                    key = key_of(resource, seen)
                    if seen.metadata.uid is not None and (key in planned or key.namespace in namespaces):
                        self.absent.discard(key)
                        self._keep(resource, key, data)

    def keep_changing(self, cancel: Cancel) -> None:
        changing = iter(
            [item for item in self._plan.objects if item.action in _CHANGING and item.key not in self._kept]
        )
        dropped: dict[ObjectKey, PlannedObject] = {}
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="holdfast-safety") as pool:
            while chunk := [*islice(changing, _CHUNK)]:
                cancel.check()
                for item, data in zip(chunk, pool.map(self._read, chunk), strict=True):
                    if item.key in self.absent:
                        continue  # made by the interrupted run: before it there was nothing
                    if data is None:
                        self.absent.add(item.key)
                    elif item.seen and self._fingerprint(item, data) != item.seen:
                        why, next_step = CHANGED_SINCE
                        dropped[item.key] = replace(item, action=Action.BLOCKED, why=why, next=next_step)
                    else:
                        self._keep(self._served(item), item.key, data)
        self._plan.objects = [dropped.get(item.key, item) for item in self._plan.objects]

    def record(self, occasion: Occasion, plan: RestorePlan, finished: str) -> BackupRecord:
        """As that of a backup, so that a safety point is browsed and compared like one."""
        return BackupRecord(
            run=occasion.run,
            name=_name(occasion),
            kind=tags.SAFETY,
            type=BackupType.FULL,
            outcome=Outcome.DONE,
            started_at=timestamp(occasion.started),
            finished_at=finished,
            holdfast_version=VERSION,
            cluster=ClusterRecord(uid=occasion.cluster, name=occasion.cluster, version=plan.target.cluster.version()),
            selection=plan.options.selection.to_dict(),
            labels={},
            resources=resource_records(Counter(self._kept.values())),
            namespaces=sorted({key.namespace for key in self._kept if key.namespace}),
            excluded={},
            volumes=[],
            changes=None,
            errors=[],
        )

    def _served(self, item: PlannedObject) -> Resource:
        return self._plan.target.served(item.resource) or item.resource

    def _read(self, item: PlannedObject) -> bytes | None:
        key = item.key
        return self._plan.target.cluster.get(self._served(item), key.namespace, key.name)

    def _fingerprint(self, item: PlannedObject, data: bytes) -> bytes:
        return fingerprint(msgspec.json.decode(data), self._served(item))

    def _keep(self, resource: Resource, key: ObjectKey, data: bytes) -> None:
        if key not in self._kept:
            self._kept[key] = resource
            self._sink.commit(resource, [self._sink.keep(Taken(resource, glimpse(data), data, ""))])


def _name(occasion: Occasion) -> str:
    return f"before-{occasion.run}"


def _snapshot(occasion: Occasion, root: BlobId) -> Snapshot:
    values = {
        tags.KIND: tags.SAFETY,
        tags.NAME: _name(occasion),
        tags.RUN: occasion.run,
        tags.BACKUP: occasion.backup,
        tags.UNDOES: occasion.undoes,
        tags.OUTCOME: Outcome.DONE.value,
    }
    return Snapshot(
        time=timestamp(occasion.started),
        tree=root.hex(),
        paths=["/safety"],
        hostname=occasion.cluster,
        username=own_username(),
        tags=tags.Tags(values).format(),
        program_version=PROGRAM_VERSION,
    )
