"""Backing up an application: its objects, read from a cluster, become one snapshot in a repository.

Order: lock, capture while the lock settles, trees, record, flush (packs, then index), snapshot. Whatever ends the run, its report
is published, or kept in a local file if the repository refuses. A run with a key claims its name for the end of this: who has the
claim looks once more whether another run of the same key was faster.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, DamagedData, HoldfastError, NothingSelected, UsageError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import (
    RECORD_PATH,
    BackupRecord,
    BackupType,
    Changes,
    ClusterRecord,
    VolumesMode,
    resource_records,
)
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.model.selection import Selection
from holdfast.model.span import Span
from holdfast.model.volume import VolumeRecord
from holdfast.operations.capture import Capture, Captured, Taken
from holdfast.operations.catalog import Catalog, Entry, read_catalog
from holdfast.operations.changes import changes_since
from holdfast.operations.contents import OBJECTS, Contents
from holdfast.operations.object_sink import ObjectSink
from holdfast.operations.publishing import add_document, publish_report, reported, store_report
from holdfast.operations.run_key import RunKey, run_that_made
from holdfast.operations.run_log import RunLog
from holdfast.repository.claim import claimed
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot, Summary
from holdfast.repository.tree import subtree_id
from holdfast.repository.tree_builder import TreeBuilder
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION, VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUpOptions:
    """What a user asks for. An empty name becomes one made of the selection and the time."""

    selection: Selection
    name: str = ""
    type: BackupType = BackupType.INCREMENTAL
    volumes: VolumesMode = VolumesMode.AUTO
    labels: dict[str, str] = field(default_factory=dict)
    keep_for: Span | None = None  # instead of the rules of `backup forget`
    cluster_name: str = ""
    key: RunKey | None = None  # None for a backup by hand


class PlannedObject(msgspec.Struct, frozen=True):
    """One line of a dry run."""

    kind: str  # "deployments.apps"
    namespace: str
    name: str
    size: int  # bytes
    reason: str


@dataclass(frozen=True, slots=True)
class BackupPreview:
    """What `--dry-run` shows."""

    objects: list[PlannedObject]
    captured: Captured


class _PreviewSink:
    def __init__(self) -> None:
        self.objects: list[PlannedObject] = []

    def keep(self, taken: Taken) -> PlannedObject:
        seen = taken.seen
        return PlannedObject(taken.resource.group_resource, seen.namespace, seen.name, len(taken.data), taken.reason)

    def commit(self, resource: Resource, tokens: list[PlannedObject]) -> None:  # noqa: ARG002 - the sink's contract
        self.objects.extend(tokens)


def preview(cluster: Cluster, options: BackUpOptions, cancel: Cancel, progress: Progress) -> BackupPreview:
    """What a backup would take and why; nothing is written and no repository is needed."""
    sink = _PreviewSink()
    captured = Capture(cluster, options.selection, sink, cancel, progress).run()
    sink.objects.sort(key=lambda item: (item.namespace, item.kind, item.name))
    return BackupPreview(sink.objects, captured)


def back_up(
    repository: Repository, cluster: Cluster, options: BackUpOptions, cancel: Cancel, progress: Progress
) -> Run:
    """Makes a backup and returns its run, done or partial; of a key that has its backup already, that one's.

    Any failure is raised, its `run` set, after its report was published or kept locally.
    """
    for key, value in options.labels.items():
        tags.check_tag_value("--label", f"{key}={value}")
    if options.name:
        tags.check_tag_value("--name", options.name)
    return _BackUp(repository, cluster, options, cancel, progress).run()


class _BackUp:
    """One run."""

    def __init__(
        self, repository: Repository, cluster: Cluster, options: BackUpOptions, cancel: Cancel, progress: Progress
    ) -> None:
        self._repository = repository
        self._cluster = cluster
        self._options = options
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._keep_until = timestamp(options.keep_for.after(self._started, dt.UTC)) if options.keep_for else ""
        self._log = RunLog(progress, self._clock)
        self._key = options.key
        self._key_tags = options.key.tags if options.key else {}
        self._name = options.name
        self._type = options.type
        self._hostname = options.cluster_name

    def run(self) -> Run:
        with reported(self._repository, self._log, self._failed, self._key_tags) as lock:
            source = self._source()
            catalog = read_catalog(self._repository) if self._key else None
            if catalog is not None and (made := self._made(catalog)):
                return made
            with contextlib.closing(self._repository.writer(lock, self._cancel)) as writer:
                return self._write(writer, lock, source, catalog)

    def _write(self, writer: BlobWriter, lock: Lock, source: ClusterRecord, catalog: Catalog | None) -> Run:
        lost = self._repository.forget_lost_packs()
        if lost:
            self._log.warn(f"{lost} packs of the repository are lost; what this backup needs of them is stored again")
        tree = TreeBuilder()
        sink = ObjectSink(self._repository, writer, tree)
        captured = Capture(self._cluster, self._options.selection, sink, self._cancel, self._log).run()
        if not captured.objects:
            why = "; ".join(problem.what for problem in captured.problems[:3])
            raise NothingSelected("the selection holds no objects", why=why)
        self._log.phase("write the backup")
        paths = list(captured.selection.paths())
        catalog = read_catalog(self._repository, known=catalog)
        if made := self._made(catalog):
            return made
        earlier = self._earlier(catalog, paths)
        changes = self._changes(tree, earlier)
        with self._claim(lock) as claim:
            if claim is not None:
                catalog = read_catalog(self._repository, known=catalog)
                if made := self._made(catalog):
                    return made
                self._refuse_taken_name(catalog)
            self._name = self._options.name or self._unused_name(catalog, captured.selection)
            record = self._record(source, captured, earlier, changes)
            add_document(tree, writer, RECORD_PATH, record, record.finished_at)
            root = tree.save(writer)
            run = self._describe(record, captured, sink.size, writer)
            summary = self._summary(record, captured, sink.size, writer)
            report = store_report(writer, run, self._log.text(), run.finished_at)
            self._cancel.check()
            writer.flush()
            snapshot = Snapshot(
                time=timestamp(self._started),
                parent=earlier.id.hex() if earlier else None,
                tree=root.hex(),
                paths=paths,
                hostname=self._hostname,
                username=own_username(),
                tags=self._tags(record).format(),
                program_version=PROGRAM_VERSION,
                summary=summary,
            )
            if claim is not None:
                claim.prove()
            run.id = self._repository.save_snapshot(snapshot, lock).hex()
        publish_report(
            self._repository, lock, run, self._log, hostname=self._hostname, tree=report, more_tags=self._key_tags
        )
        return run

    @contextlib.contextmanager
    def _claim(self, lock: Lock) -> Iterator[Lock | None]:
        """Keeps other runs of the same key, and those that would give the same name, from publishing; None without a key."""
        if self._key is None:
            yield None
            return
        name = self._options.name or self._key.base_name(self._started)
        with claimed(self._repository, name, lock, self._cancel, self._log) as claim:
            yield claim

    def _made(self, catalog: Catalog) -> Run | None:
        """The run of the backup that another run of the same key made."""
        made = self._key.made(catalog, self._hostname) if self._key else None
        return run_that_made(made) if made else None

    def _unused_name(self, catalog: Catalog, selection: Selection) -> str:
        started = self._started
        name = self._key.base_name(started) if self._key else _default_name(selection, started)
        is_taken = any(entry.name == name for entry in catalog.backups)
        return f"{name}-{self._id.rpartition('-')[2]}" if is_taken else name

    def _source(self) -> ClusterRecord:
        try:
            uid, version = self._cluster.identity()
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            if not self._options.cluster_name:
                raise UsageError(
                    "the cluster has no name for this account",
                    why=error.why,
                    next="Name the cluster with --cluster-name, or grant the verb get on the namespace kube-system.",
                ) from error
            uid, version = "", self._cluster.version()
        self._hostname = self._options.cluster_name or uid
        return ClusterRecord(uid=uid, name=self._hostname, version=version)

    def _earlier(self, catalog: Catalog, paths: list[str]) -> Entry | None:
        """The backup that this one follows. Raises UsageError if the wanted name is taken."""
        self._refuse_taken_name(catalog)
        if self._key is not None and self._key.is_full_due(catalog, self._hostname, self._started):
            self._type = BackupType.FULL
        if self._type is BackupType.FULL:
            return None
        candidates = [
            entry
            for entry in catalog.backups
            if (entry.snapshot.hostname, entry.snapshot.paths) == (self._hostname, paths)
            and (self._type is BackupType.INCREMENTAL or entry.tags.get(tags.TYPE) == BackupType.FULL)
        ]
        return candidates[-1] if candidates else None

    def _refuse_taken_name(self, catalog: Catalog) -> None:
        if self._options.name and any(entry.name == self._options.name for entry in catalog.backups):
            raise UsageError(
                f"there is a backup named {self._options.name} already",
                why="a name means one backup",
                next="Choose another --name, or leave it out.",
            )

    def _changes(self, tree: TreeBuilder, earlier: Entry | None) -> Changes | None:
        objects = tree.root.directories.get(OBJECTS)
        if earlier is None or objects is None:
            return None
        try:
            found = Contents(self._repository, BlobId.parse(earlier.snapshot.tree)).find(f"/{OBJECTS}")
        except DamagedData:
            return None
        old = subtree_id(found.node) if found else None
        return changes_since(objects, old, self._repository.reader, earlier.id.hex())

    def _record(
        self, source: ClusterRecord, captured: Captured, earlier: Entry | None, changes: Changes | None
    ) -> BackupRecord:
        volumes = [self._volume(claim) for claim in sorted(captured.claims)]
        errors = list(captured.problems)
        if self._options.volumes is VolumesMode.AUTO:
            errors += [_unsaved_volume(volume) for volume in volumes]
        return BackupRecord(
            run=self._id,
            name=self._name,
            type=self._type if earlier else BackupType.FULL,
            outcome=Outcome.PARTIAL if errors else Outcome.DONE,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            holdfast_version=VERSION,
            cluster=source,
            selection=captured.selection.to_dict(),
            labels=dict(self._options.labels),
            keep_until=self._keep_until,
            plan=self._key_tags.get(tags.PLAN, ""),
            scheduled_at=self._key_tags.get(tags.SCHEDULED, ""),
            resources=resource_records(captured.counts),
            empty=sorted(captured.listed - {resource.group_resource for resource in captured.counts}),
            unread=captured.unread,
            namespaces=sorted(captured.namespaces),
            excluded=dict(sorted(captured.excluded.items())),
            volumes=volumes,
            changes=changes,
            errors=errors,
        )

    def _volume(self, claim: ObjectKey) -> VolumeRecord:
        left_out = self._options.volumes is VolumesMode.NONE
        why = "left out with --volumes none" if left_out else "this version of Holdfast does not read volumes yet"
        return VolumeRecord(namespace=claim.namespace, name=claim.name, saved=False, why=why)

    def _tags(self, record: BackupRecord) -> tags.Tags:
        values = {
            tags.KIND: tags.APPLICATION,
            tags.NAME: self._name,
            tags.TYPE: record.type.value,
            tags.RUN: self._id,
            tags.KEEP_UNTIL: self._keep_until,
            tags.OUTCOME: record.outcome.value,
            **self._key_tags,
        }
        return tags.Tags(values | {f"{tags.LABEL_PREFIX}{key}": value for key, value in self._options.labels.items()})

    def _summary(self, record: BackupRecord, captured: Captured, size: int, writer: BlobWriter) -> Summary:
        changes = record.changes
        return Summary(
            backup_start=record.started_at,
            backup_end=record.finished_at,
            files_new=changes.added if changes else captured.objects,
            files_changed=changes.changed if changes else 0,
            files_unmodified=changes.unchanged if changes else 0,
            data_blobs=writer.stats.data_blobs,
            tree_blobs=writer.stats.tree_blobs,
            data_added=writer.stats.content_bytes,
            data_added_packed=writer.stats.stored_bytes,
            total_files_processed=captured.objects,
            total_bytes_processed=size,
        )

    def _describe(self, record: BackupRecord, captured: Captured, size: int, writer: BlobWriter) -> Run:
        changes = record.changes
        counts = {
            "objects": captured.objects,
            "namespaces": len(record.namespaces),
            "kinds": len(record.resources),
            "excluded": captured.excluded.total(),
            "volumes": len(record.volumes),
            "volumesSaved": sum(volume.saved for volume in record.volumes),
        }
        if changes:
            counts |= {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.BACKUP_CREATE,
            name=self._name,
            kind=tags.APPLICATION,
            type=record.type.value,
            outcome=record.outcome,
            started_at=record.started_at,
            finished_at=record.finished_at,
            counts=counts,
            bytes={"objects": size, "added": writer.stats.content_bytes, "stored": writer.stats.stored_bytes},
            errors=record.errors,
            notes=_volume_notes(record.volumes),
            keep_until=record.keep_until,
        )

    def _failed(self, error: HoldfastError) -> Run:
        """The run as its report keeps it when no backup came of it."""
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.BACKUP_CREATE,
            name=self._name,
            kind=tags.APPLICATION,
            type=self._type.value,
            outcome=Outcome.of_failure(error),
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={},
            bytes={},
            errors=[Problem.of(error)],
        )


def _unsaved_volume(volume: VolumeRecord) -> Problem:
    return Problem(
        f"the data of the volume {volume.namespace}/{volume.name} was not saved",
        volume.why,
        "Its PersistentVolumeClaim is in the backup. Use --volumes none to leave the data out knowingly.",
    )


def _volume_notes(volumes: list[VolumeRecord]) -> list[str]:
    left_out = [f"{volume.namespace}/{volume.name}" for volume in volumes if not volume.saved]
    return [f"The data of {len(left_out)} volumes is not in this backup: {', '.join(left_out)}"] if left_out else []


def _default_name(selection: Selection, started: dt.datetime) -> str:
    """`shop-20261123-051942`: the first namespace, or else workload, says what; the time makes it the only one."""
    workload = next((text.rpartition("/")[2] for text in selection.workloads), "objects")
    first = "all" if selection.all_namespaces else next(iter(selection.namespaces), workload)
    return f"{first.strip('*?') or 'namespaces'}-{started:%Y%m%d-%H%M%S}"
