"""What makes several runs one: they are pods of one Job, or of one scheduled time. Together they make one backup.

Pure decisions on a catalog.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from holdfast.model import tags
from holdfast.model.backup import BackupRecord, BackupReport
from holdfast.model.run import Verb
from holdfast.operations.catalog import Catalog, Entry
from holdfast.repository.snapshot import Summary


class RunKey(Protocol):
    """`hostname` is the cluster's name, as the snapshots of its backups have it."""

    @property
    def tags(self) -> Mapping[str, str]:
        """By which the backup, and the report of a run, are known."""
        ...

    def base_name(self, started: dt.datetime) -> str:
        """What the backup is called if nothing else is called so, and what a run claims before it publishes."""
        ...

    def made(self, catalog: Catalog, hostname: str) -> Entry | None:
        """The backup that a run of this key has made, with which there is nothing left to do."""
        ...

    def is_full_due(self, catalog: Catalog, hostname: str, now: dt.datetime) -> bool:
        """Whether this run is a full one, whatever type was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class JobRun:
    """A backup that one Job is to make, whichever of its pods does. Names of such Jobs do not come again."""

    job: str

    @property
    def tags(self) -> Mapping[str, str]:
        return {tags.JOB: self.job}

    def base_name(self, started: dt.datetime) -> str:  # noqa: ARG002 - of the key
        return self.job

    def made(self, catalog: Catalog, hostname: str) -> Entry | None:
        return made_by_job(catalog, hostname, self.job)

    def is_full_due(self, catalog: Catalog, hostname: str, now: dt.datetime) -> bool:  # noqa: ARG002 - of the key
        return False


def made_by_job(catalog: Catalog, hostname: str, job: str) -> Entry | None:
    """The backup that a pod of this Job has made, a partial one too: that was the Job's end, another try would not be begun."""
    of_job = (one for one in catalog.backups if (one.tags.get(tags.JOB), one.snapshot.hostname) == (job, hostname))
    return next(of_job, None)


def run_that_made(made: Entry, record: BackupRecord | None) -> BackupReport:
    """The run of a backup for one that has nothing left to do. `record` is the backup's, None if it cannot be read."""
    time = made.snapshot.time
    summary = made.snapshot.summary or Summary(backup_start=time, backup_end=time)
    volumes, hooks = (record.volumes, record.hooks) if record else ([], [])
    dumps = [hook for hook in hooks if hook.path]
    of_data = sum(volume.bytes for volume in volumes) + sum(dump.bytes for dump in dumps)
    return BackupReport(
        id=made.id.hex(),
        run=made.tags.get(tags.RUN),
        verb=Verb.BACKUP_CREATE,
        name=made.name,
        kind=made.kind,
        type=made.tags.get(tags.TYPE),
        outcome=made.outcome,
        started_at=summary.backup_start,
        finished_at=summary.backup_end,
        counts={"objects": summary.total_files_processed - sum(volume.files for volume in volumes) - len(dumps)},
        bytes={
            "objects": summary.total_bytes_processed - of_data,
            "added": summary.data_added,
            "stored": summary.data_added_packed,
        },
        errors=[],
        notes=[
            "This backup existed already; another run of the same scheduled time or Job made it, and this one made none"
        ],
        keep_until=made.tags.get(tags.KEEP_UNTIL),
        volumes=volumes,
        hooks=hooks,
    )
