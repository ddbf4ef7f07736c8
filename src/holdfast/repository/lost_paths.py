"""Which files of which snapshots need blobs that are lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.errors import DamagedData
from holdfast.ids import BlobId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.tree_mender import TreeMender


@dataclass(frozen=True, slots=True)
class LostBlob:
    """A blob of which no whole copy is left."""

    type: BlobType
    id: BlobId
    pack: PackId


@dataclass(frozen=True, slots=True)
class LostPath:
    """A file or directory that a snapshot has lost, the latter with all that was below it."""

    snapshot: SnapshotId
    path: str
    why: str


def find_lost_paths(
    repository: Repository, lost: Iterable[LostBlob], cancel: Cancel, progress: Progress
) -> list[LostPath]:
    """Looks through all snapshots, and reads each tree once. Directories that cannot be read for other reasons come too."""
    whys = {
        (blob.type, blob.id): f"{blob.type.value} blob {blob.id.short} was lost with pack {blob.pack.short}"
        for blob in lost
    }

    def load(tree_id: BlobId) -> bytes:
        if why := whys.get((BlobType.TREE, tree_id)):
            raise DamagedData("it cannot be read", why=why)
        return repository.reader.load(BlobType.TREE, tree_id)

    mender = TreeMender(load, lambda blob_id: whys.get((BlobType.DATA, blob_id), ""), BlobId.of)
    snapshot_ids = repository.snapshot_ids()
    progress.phase("look for what is lost", len(snapshot_ids))
    found: list[LostPath] = []
    for snapshot_id, snapshot in repository.snapshots(snapshot_ids):
        cancel.check()
        progress.advance()
        if isinstance(snapshot, DamagedData):
            continue
        with contextlib.suppress(DamagedData):  # a tree that is no id: `repair snapshots` names it
            root = BlobId.parse(snapshot.tree)
            mender.mend(root)
            found += [LostPath(snapshot_id, loss.path, loss.why) for loss in mender.losses(root)]
    return found
