"""Which snapshot of a volume is the parent of its next one: files that are as they were there are not read again.

Pure, but for the question whether a backup has the volume, which reads a few of its directories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from holdfast.model import tags
from holdfast.model.backup import BackupType
from holdfast.operations.catalog import Catalog, Entry
from holdfast.operations.movers.contract import VOLUME_TAG

_MOST_OTHERS = 32
"""Backups of other selections into which one looks for a volume that those of this selection do not have."""

HasVolume = Callable[[Entry, str], bool]
"""Whether a backup has the files of a volume, `shop/data`."""


def find_parents(
    catalog: Catalog,
    volumes: Iterable[str],
    backup_type: BackupType,
    *,
    cluster: str,
    paths: Sequence[str],
    has_volume: HasVolume,
) -> dict[str, Entry]:
    """For each volume that has one. `cluster` is the name of the cluster, `paths` those of the backup that is being made.

    An incremental backup goes on from the newest that there is, be it a backup or a part; also from a part of a run that died:
    what it had read need not be read again. A differential one goes on from the newest full backup, a full one from nothing.
    """
    if backup_type is BackupType.FULL:
        return {}
    of_cluster = [entry for entry in catalog.entries if entry.snapshot.hostname == cluster]
    backups = [entry for entry in of_cluster if entry.kind == tags.APPLICATION]
    parts: dict[str, Entry] = {}
    if backup_type is BackupType.DIFFERENTIAL:
        backups = [entry for entry in backups if entry.tags.get(tags.TYPE) == BackupType.FULL]
    else:
        parts = {entry.tags.get(VOLUME_TAG): entry for entry in of_cluster if entry.kind == tags.PART}
    own = [entry for entry in reversed(backups) if entry.snapshot.paths == list(paths)]
    others = [entry for entry in reversed(backups) if entry.snapshot.paths != list(paths)][:_MOST_OTHERS]
    parents: dict[str, Entry] = {}
    for volume in volumes:
        part = parts.get(volume)
        newer = (entry for entry in own if part is None or entry.time > part.time)
        found = next((entry for entry in newer if has_volume(entry, volume)), part)
        found = found or next((entry for entry in others if has_volume(entry, volume)), None)
        if found is not None:
            parents[volume] = found
    return parents
