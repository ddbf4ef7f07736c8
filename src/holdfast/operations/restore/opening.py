"""A backup of the catalog, opened so that it can be planned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.ids import BlobId
from holdfast.model.backup import BackupRecord
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.catalog import Entry
from holdfast.operations.contents import Contents
from holdfast.operations.record_recovery import read_record
from holdfast.operations.restore.plan import CREATING, RestoreOptions, RestorePlan
from holdfast.operations.restore.planner import plan_restore
from holdfast.operations.restore.target import Target
from holdfast.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup that can be planned from."""

    entry: Entry
    contents: Contents
    record: BackupRecord
    problems: Sequence[Problem] = ()


def open_backup(repository: Repository, entry: Entry) -> OpenedBackup:
    """Raises NotFound for a snapshot that is no application backup, DamagedData if not even its tree can be read."""
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    record, problems = read_record(contents, entry)
    return OpenedBackup(entry, contents, record, problems)


def make_plan(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: RestoreOptions,
    cancel: Cancel,
    progress: Progress,
) -> RestorePlan:
    """A plan from lists, as a run uses it. Raises what `plan_restore` raises."""
    source = open_source(repository, backup, cluster, cancel)
    return plan_restore(source, Target(cluster), options, cancel, progress)


def open_source(repository: Repository, backup: OpenedBackup, cluster: Cluster, cancel: Cancel) -> BackupSource:
    """The backup's objects, for a restore into this cluster."""
    source = BackupSource(repository.reader, backup.contents, backup.record, cluster.api_surface(), cancel)
    source.problems.extend(backup.problems)
    return source


def volume_notes(plan: RestorePlan, record: BackupRecord) -> list[str]:
    """Says plainly which claims that are created will have empty volumes."""
    planned = {
        item.path
        for item in plan.objects
        if item.key.group_resource == "persistentvolumeclaims" and item.action in CREATING
    }
    missing = [
        f"{volume.namespace}/{volume.name}"
        for volume in record.volumes
        if not volume.saved
        and f"/objects/core/v1/persistentvolumeclaims/{volume.namespace}/{volume.name}.json" in planned
    ]
    if not missing:
        return []
    return [f"The data of these volumes was not part of the backup; they come back empty: {', '.join(missing)}"]
