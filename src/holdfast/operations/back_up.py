"""Backing up an application: its objects, read from a cluster, and the data of its volumes become one snapshot in a repository.

Order: lock, capture while the lock settles, plan of the volumes, the volumes themselves (movers write parts of their own under
locks of their own; `holdfast.operations.volumes_of_backup` tells how), trees with the parts grafted in, record, flush (packs,
then index), snapshot. Whatever ends the run, its report is published, or kept in a local file if the repository refuses. A run
with a key claims its name for the end of this: who has the claim looks once more whether another run of the same key was faster.

A part stays a snapshot until long after the backup refers to the same data, and this run's lock is held all the time: nothing
that a mover has stored can be pruned before the backup is published.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, DamagedData, HoldfastError, NotFound, NothingSelected, PlanRefused, UsageError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import RECORD_PATH, BackupReport, BackupType, Changes, ClusterRecord
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Verb, new_run_id, timestamp
from holdfast.model.selection import Selection
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.backup_record import MadeBackup
from holdfast.operations.capture import Capture, Captured
from holdfast.operations.catalog import Catalog, Entry, read_catalog
from holdfast.operations.changes import changes_since
from holdfast.operations.contents import OBJECTS, Contents
from holdfast.operations.object_sink import ObjectSink
from holdfast.operations.publishing import add_document, publish_report, reported, store_report
from holdfast.operations.run_key import run_that_made
from holdfast.operations.run_log import RunLog
from holdfast.operations.volumes_of_backup.ends import with_what
from holdfast.operations.volumes_of_backup.moving import ReadyMovers, VolumeMovers
from holdfast.operations.volumes_of_backup.parents import find_parents
from holdfast.operations.volumes_of_backup.parts import EarlierVolumes
from holdfast.operations.volumes_of_backup.plan import VolumePlan
from holdfast.operations.volumes_of_backup.planning import plan_work
from holdfast.operations.volumes_of_backup.run import BackupInProgress, VolumeSaver, VolumeWork
from holdfast.repository.claim import claimed
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_username
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import subtree_id
from holdfast.repository.tree_builder import TreeBuilder
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION


def back_up(
    repository: Repository,
    cluster: Cluster,
    options: BackUpOptions,
    cancel: Cancel,
    progress: Progress,
    *,
    movers: VolumeMovers,
) -> BackupReport:
    """Makes a backup and returns its run, done or partial; of a key that has its backup already, that one's.

    `movers` are asked for only if a volume needs one.

    Any failure is raised, its `run` set, after its report was published or kept locally.
    """
    for key, value in options.labels.items():
        tags.check_tag_value("--label", f"{key}={value}")
    if options.name:
        tags.check_tag_value("--name", options.name)
    return _BackUp(repository, cluster, options, cancel, progress, movers).run()


class _BackUp:
    """One run."""

    def __init__(
        self,
        repository: Repository,
        cluster: Cluster,
        options: BackUpOptions,
        cancel: Cancel,
        progress: Progress,
        movers: VolumeMovers,
    ) -> None:
        self._repository = repository
        self._cluster = cluster
        self._movers = movers
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

    def run(self) -> BackupReport:
        with reported(self._repository, self._log, self._failed, self._key_tags) as lock:
            source = self._source()
            catalog = read_catalog(self._repository) if self._key else None
            if catalog is not None and (made := self._made(catalog)):
                return made
            with contextlib.closing(self._repository.writer(lock, self._cancel)) as writer:
                return self._write(writer, lock, source, catalog)

    def _write(self, writer: BlobWriter, lock: Lock, source: ClusterRecord, catalog: Catalog | None) -> BackupReport:
        lost = self._repository.forget_lost_packs()
        if lost:
            self._log.warn(f"{lost} packs of the repository are lost; what this backup needs of them is stored again")
        tree = TreeBuilder()
        sink = ObjectSink(self._repository, writer, tree)
        captured = self._capture(sink)
        planned = plan_work(self._cluster, captured, self._options, self._log)
        plan, movers = self._prepare(planned.plan)
        catalog = read_catalog(self._repository, known=catalog)
        if made := self._made(catalog):
            return made
        paths = list(captured.selection.paths())
        earlier = self._earlier(catalog, paths)
        changes = self._changes(tree, earlier)
        parents = self._parents(catalog, paths, plan)
        work = VolumeWork(plan=plan, hooks=planned.hooks, excludes=self._options.exclude_paths, movers=movers)
        saved = VolumeSaver(self._run_with(writer, tree)).save(work, parents)
        self._log.phase("write the backup")
        with self._claim(lock) as claim:
            if claim is not None or movers is not None:  # others may have been faster, or the catalog is hours old
                catalog = read_catalog(self._repository, known=catalog)
                if made := self._made(catalog):
                    return made
                self._refuse_taken_name(catalog)
            self._name = self._options.name or self._unused_name(catalog, captured.selection)
            backup = MadeBackup(
                run=self._id,
                name=self._name,
                type=self._type if earlier or parents else BackupType.FULL,
                started_at=timestamp(self._started),
                finished_at=timestamp(self._clock.now()),
                options=self._options,
                keep_until=self._keep_until,
                key_tags=self._key_tags,
                cluster=source,
                captured=captured,
                object_bytes=sink.size,
                changes=changes,
                saved=saved,
                stats=writer.stats,
                notes=planned.notes,
            )
            run, report = self._publish(backup, tree, writer, lock, claim, earlier)
        publish_report(
            self._repository, lock, run, self._log, hostname=self._hostname, tree=report, more_tags=self._key_tags
        )
        return run

    def _capture(self, sink: ObjectSink) -> Captured:
        captured = Capture(self._cluster, self._options.selection, sink, self._cancel, self._log).run()
        if not captured.objects:
            why = "; ".join(problem.what for problem in captured.problems[:3])
            raise NothingSelected("the selection holds no objects", why=why)
        return captured

    def _prepare(self, plan: VolumePlan) -> tuple[VolumePlan, ReadyMovers | None]:
        """Movers if a volume needs one. Where there can be none, the objects are worth saving all the same."""
        if not plan.moves:
            return plan, None
        try:
            return plan, self._movers.prepare(self._hostname)
        except PlanRefused as error:
            self._log.warn(f"no volume is saved: {error}")
            return plan.without_movers(with_what(Problem.of(error))), None

    def _run_with(self, writer: BlobWriter, tree: TreeBuilder) -> BackupInProgress:
        return BackupInProgress(
            id=self._id,
            repository=self._repository,
            cluster=self._cluster,
            writer=writer,
            tree=tree,
            cancel=self._cancel,
            progress=self._log,
        )

    def _publish(
        self,
        backup: MadeBackup,
        tree: TreeBuilder,
        writer: BlobWriter,
        lock: Lock,
        claim: Lock | None,
        earlier: Entry | None,
    ) -> tuple[BackupReport, str]:
        """The run, and the tree of its report, which is stored with the rest."""
        record = backup.record()
        add_document(tree, writer, RECORD_PATH, record, record.finished_at)
        root = tree.save(writer)
        run, summary = backup.describe(record), backup.summary()
        report = store_report(writer, run, self._log.text(), run.finished_at)
        self._cancel.check()
        writer.flush()
        snapshot = Snapshot(
            time=timestamp(self._started),
            parent=earlier.id.hex() if earlier else None,
            tree=root.hex(),
            paths=list(backup.captured.selection.paths()),
            hostname=self._hostname,
            username=own_username(),
            tags=backup.tags(record).format(),
            program_version=PROGRAM_VERSION,
            summary=summary,
        )
        if claim is not None:
            claim.prove()
        run.id = self._repository.save_snapshot(snapshot, lock).hex()
        return run, report

    @contextlib.contextmanager
    def _claim(self, lock: Lock) -> Iterator[Lock | None]:
        """Keeps other runs of the same key, and those that would give the same name, from publishing; None without a key."""
        if self._key is None:
            yield None
            return
        name = self._options.name or self._key.base_name(self._started)
        with claimed(self._repository, name, lock, self._cancel, self._log) as claim:
            yield claim

    def _made(self, catalog: Catalog) -> BackupReport | None:
        """The run of the backup that another run of the same key made."""
        made = self._key.made(catalog, self._hostname) if self._key else None
        if made is None:
            return None
        try:
            record = Contents(self._repository, BlobId.parse(made.snapshot.tree)).record()
        except (DamagedData, NotFound):
            record = None
        return run_that_made(made, record)

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

    def _parents(self, catalog: Catalog, paths: list[str], plan: VolumePlan) -> dict[str, Entry]:
        """Of each volume that is going to be read the snapshot whose unchanged files need not be."""
        return find_parents(
            catalog,
            [move.name for move in plan.moves],
            self._type,
            cluster=self._hostname,
            paths=paths,
            has_volume=EarlierVolumes(self._repository).has,
        )

    def _failed(self, error: HoldfastError) -> BackupReport:
        """The run as its report keeps it when no backup came of it."""
        return BackupReport(
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


def _default_name(selection: Selection, started: dt.datetime) -> str:
    """`shop-20261123-051942`: the first namespace, or else workload, says what; the time makes it the only one."""
    workload = next((text.rpartition("/")[2] for text in selection.workloads), "objects")
    first = "all" if selection.all_namespaces else next(iter(selection.namespaces), workload)
    return f"{first.strip('*?') or 'namespaces'}-{started:%Y%m%d-%H%M%S}"
