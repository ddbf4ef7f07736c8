"""A volume as a snapshot has it: where its files are, and what is known about them. In a backup, or in a part."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId, SnapshotId
from holdfast.model import tags
from holdfast.model.run import Outcome
from holdfast.model.tags import Tags
from holdfast.model.volume import VolumeOutcome
from holdfast.operations.contents import Contents
from holdfast.operations.expectation import Totals
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree import Node, NodeType, subtree_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedVolume:
    snapshot: SnapshotId
    node: Node  # of the volume's root directory
    totals: Totals | None  # None if nobody counted
    is_partial: bool  # some of its files could not be read

    @property
    def tree(self) -> BlobId:
        return subtree_id(self.node)


def find_volume(repository: Repository, reference: str, volume: VolumeName) -> SavedVolume:
    """The volume in the snapshot that these first digits of an id mean. Raises NotFound, DamagedData."""
    snapshot_id = repository.resolve_snapshot_id(reference)
    if snapshot_id is None:
        raise NotFound(f"there is no snapshot {reference!r:.80}", why="no id in the repository begins so")
    snapshot = repository.load_snapshot(snapshot_id)
    contents = Contents(repository, BlobId.parse(snapshot.tree))
    found = contents.find(volume.path)
    if found is None or found.node.type is not NodeType.DIRECTORY:
        raise NotFound(
            f"snapshot {snapshot_id.short} does not have the volume {volume}", why=f"it has no directory {volume.path}"
        )
    totals, is_partial = _of_part(snapshot) if _is_part(snapshot) else _of_backup(contents, volume)
    return SavedVolume(snapshot=snapshot_id, node=found.node, totals=totals, is_partial=is_partial)


def _is_part(snapshot: Snapshot) -> bool:
    return Tags.parse(snapshot.tags).get(tags.KIND) == tags.PART


def _of_part(snapshot: Snapshot) -> tuple[Totals | None, bool]:
    is_partial = Tags.parse(snapshot.tags).get(tags.OUTCOME) == Outcome.PARTIAL
    summary = snapshot.summary
    return (Totals(summary.total_files_processed, summary.total_bytes_processed) if summary else None), is_partial


def _of_backup(contents: Contents, volume: VolumeName) -> tuple[Totals | None, bool]:
    """By its record; a backup without one says nothing."""
    try:
        volumes = contents.record().volumes
    except (NotFound, DamagedData):
        return None, False
    record = next((one for one in volumes if (one.namespace, one.name) == volume), None)
    if record is None:
        return None, False
    return Totals(record.files, record.bytes), record.outcome is VolumeOutcome.PARTIAL
