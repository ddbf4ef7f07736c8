"""What a snapshot of files says about the run that made it, in the words of restic's summary."""

from __future__ import annotations

import datetime as dt

from holdfast.model.run import timestamp
from holdfast.operations.archive import ArchiveCounts
from holdfast.repository.snapshot import Summary
from holdfast.repository.writer import WriterStats


def summarize(counts: ArchiveCounts, stats: WriterStats, started: dt.datetime, finished: dt.datetime) -> Summary:
    return Summary(
        backup_start=timestamp(started),
        backup_end=timestamp(finished),
        files_new=counts.files_new,
        files_changed=counts.files_changed,
        files_unmodified=counts.files_unmodified,
        dirs_new=counts.dirs_new,
        dirs_changed=counts.dirs_changed,
        dirs_unmodified=counts.dirs_unmodified,
        data_blobs=stats.data_blobs,
        tree_blobs=stats.tree_blobs,
        data_added=stats.content_bytes,
        data_added_packed=stats.stored_bytes,
        total_files_processed=counts.files,
        total_bytes_processed=counts.bytes,
    )
