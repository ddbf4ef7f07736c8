"""What is written down about a backup: its record, its snapshot's tags and summary, and its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.model import tags
from holdfast.model.backup import BackupRecord, BackupReport, BackupType, Changes, ClusterRecord, resource_records
from holdfast.model.run import Outcome, Verb
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.capture import Captured
from holdfast.operations.volumes_of_backup.planning import notes_on_volumes
from holdfast.operations.volumes_of_backup.run import SavedVolumes
from holdfast.repository.snapshot import Summary
from holdfast.repository.writer import WriterStats
from holdfast.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBackup:
    """All that is known of a backup before it is published."""

    run: str
    name: str
    type: BackupType
    started_at: str
    finished_at: str
    options: BackUpOptions
    keep_until: str
    key_tags: Mapping[str, str]  # of a run with a key
    cluster: ClusterRecord
    captured: Captured
    object_bytes: int
    changes: Changes | None
    saved: SavedVolumes
    stats: WriterStats  # of this process: what movers stored is in `saved`
    notes: Sequence[str] = field(default=())

    def record(self) -> BackupRecord:
        captured, saved = self.captured, self.saved
        errors = [*captured.problems, *saved.problems]
        return BackupRecord(
            run=self.run,
            name=self.name,
            type=self.type,
            outcome=Outcome.PARTIAL if errors else Outcome.DONE,
            started_at=self.started_at,
            finished_at=self.finished_at,
            holdfast_version=VERSION,
            cluster=self.cluster,
            selection=captured.selection.to_dict(),
            labels=dict(self.options.labels),
            keep_until=self.keep_until,
            plan=self.key_tags.get(tags.PLAN, ""),
            scheduled_at=self.key_tags.get(tags.SCHEDULED, ""),
            resources=resource_records(captured.counts),
            empty=sorted(captured.listed - {resource.group_resource for resource in captured.counts}),
            unread=captured.unread,
            namespaces=sorted(captured.namespaces),
            excluded=dict(sorted(captured.excluded.items())),
            volumes=saved.records,
            hooks=saved.hooks,
            changes=self.changes,
            errors=errors,
        )

    def tags(self, record: BackupRecord) -> tags.Tags:
        values = {
            tags.KIND: tags.APPLICATION,
            tags.NAME: self.name,
            tags.TYPE: self.type.value,
            tags.RUN: self.run,
            tags.KEEP_UNTIL: self.keep_until,
            tags.OUTCOME: record.outcome.value,
            **self.key_tags,
        }
        return tags.Tags(values | {f"{tags.LABEL_PREFIX}{key}": value for key, value in self.options.labels.items()})

    def summary(self) -> Summary:
        """Of objects, dumps and the files of volumes: each is a file of the snapshot."""
        changes, parts, objects = self.changes, self.saved.parts, self.captured.objects
        return Summary(
            backup_start=self.started_at,
            backup_end=self.finished_at,
            files_new=(changes.added if changes else objects) + sum(part.files_new for part in parts),
            files_changed=(changes.changed if changes else 0) + sum(part.files_changed for part in parts),
            files_unmodified=(changes.unchanged if changes else 0) + sum(part.files_unmodified for part in parts),
            dirs_new=sum(part.dirs_new for part in parts),
            dirs_changed=sum(part.dirs_changed for part in parts),
            dirs_unmodified=sum(part.dirs_unmodified for part in parts),
            data_blobs=self.stats.data_blobs + sum(part.data_blobs for part in parts),
            tree_blobs=self.stats.tree_blobs + sum(part.tree_blobs for part in parts),
            data_added=self._added,
            data_added_packed=self._stored,
            total_files_processed=objects + self._files + len(self.saved.dumps),
            total_bytes_processed=self.object_bytes + self._volume_bytes + self._dump_bytes,
        )

    def describe(self, record: BackupRecord) -> BackupReport:
        changes = record.changes
        claims = [volume for volume in record.volumes if volume.is_claim]
        counts = {
            "objects": self.captured.objects,
            "namespaces": len(record.namespaces),
            "kinds": len(record.resources),
            "excluded": self.captured.excluded.total(),
            "volumes": len(claims),
            "volumesSaved": sum(volume.saved for volume in claims),
            "files": self._files,
            "dumps": len(self.saved.dumps),
        }
        if changes:
            counts |= {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        return BackupReport(
            id=self.run,
            run=self.run,
            verb=Verb.BACKUP_CREATE,
            name=self.name,
            kind=tags.APPLICATION,
            type=record.type.value,
            outcome=record.outcome,
            started_at=record.started_at,
            finished_at=record.finished_at,
            counts=counts,
            bytes={
                "objects": self.object_bytes,
                "volumes": self._volume_bytes,
                "dumps": self._dump_bytes,
                "added": self._added,
                "stored": self._stored,
            },
            errors=record.errors,
            notes=[*self.notes, *notes_on_volumes(record.volumes)],
            keep_until=record.keep_until,
            volumes=record.volumes,
            hooks=record.hooks,
        )

    @property
    def _files(self) -> int:
        return sum(volume.files for volume in self.saved.records)

    @property
    def _volume_bytes(self) -> int:
        return sum(volume.bytes for volume in self.saved.records)

    @property
    def _dump_bytes(self) -> int:
        return sum(dump.bytes for dump in self.saved.dumps)

    @property
    def _added(self) -> int:
        return self.stats.content_bytes + sum(volume.added for volume in self.saved.records)

    @property
    def _stored(self) -> int:
        return self.stats.stored_bytes + sum(volume.stored for volume in self.saved.records)
