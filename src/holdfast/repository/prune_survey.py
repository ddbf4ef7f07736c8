"""What prune must know before it decides: which packs there are, and how much of each snapshots need.

Order of reading: snapshots, then packs, then the index. So whatever a snapshot that was seen needs is in the index that was
read, and a pack that no index lists is not one whose index came while we looked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import BlobId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.index import Index, Part
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.prune_plan import PackUse
from holdfast.repository.reachable import Reachable
from holdfast.repository.repository import Repository

_MEND = "Run `holdfast repository check`; what is lost is healed by `holdfast repository repair` and new backups. Then prune."


@dataclass(frozen=True, slots=True)
class Survey:
    packs: list[PackUse]
    reachable: Reachable
    snapshots: frozenset[SnapshotId]  # those whose needs are in `reachable`
    index: Index


def survey_repository(repository: Repository, cancel: Cancel, progress: Progress) -> Survey:
    """Reads all snapshots and trees. Raises DamagedData if anything that a snapshot needs is missing or cannot be read:
    nobody knows then what is rubbish.
    """
    progress.phase("list snapshots and packs")
    snapshot_ids = frozenset(repository.snapshot_ids())
    stored = dict(repository.stored_packs())
    progress.phase("load the index")
    index = repository.reload_index()
    for fault in index.faults:
        raise _refusal(fault)
    reachable = Reachable(repository.reader, index, cancel=cancel, progress=progress)
    add_snapshots(repository, reachable, snapshot_ids, cancel, progress)
    progress.phase("look at each pack")
    packs = _uses(index, reachable)
    for pack in packs.values():
        if pack.used_blobs:
            _refuse_lost(repository, pack, stored)
    unlisted = [
        PackUse(pack_id, None, size, marked=index.marks.get(pack_id))
        for pack_id, size in stored.items()
        if pack_id not in packs
    ]
    return Survey([*packs.values(), *unlisted], reachable, snapshot_ids, index)


def add_snapshots(
    repository: Repository,
    reachable: Reachable,
    snapshot_ids: frozenset[SnapshotId],
    cancel: Cancel,
    progress: Progress,
) -> None:
    """Adds what these snapshots need. Raises DamagedData."""
    progress.phase("read what snapshots need")
    roots: dict[SnapshotId, BlobId] = {}
    for snapshot_id, snapshot in repository.snapshots(sorted(snapshot_ids)):
        cancel.check()
        if isinstance(snapshot, DamagedData):
            raise _refusal(snapshot)
        roots[snapshot_id] = BlobId.parse(snapshot.tree)
    reachable.add_many(roots.values())
    for snapshot_id, root in roots.items():
        for fault in reachable.damage_below(root):
            raise _refusal(DamagedData(f"snapshot {snapshot_id.short}: {fault}", why=fault.why))


def _refusal(fault: DamagedData) -> DamagedData:
    return DamagedData("the repository is damaged, so nothing is removed from it", why=str(fault), next=_MEND)


def _refuse_lost(repository: Repository, pack: PackUse, stored: dict[PackId, int]) -> None:
    """Raises DamagedData for a pack that is needed and not there, or not as it should be. One that nothing needs goes anyway."""
    size = stored.get(pack.id)
    if size is None:
        try:
            size = repository.store.size(file_name(pack.id))  # it may be younger than the list
        except FileMissing:
            raise _refusal(
                DamagedData(f"pack {pack.id.short} is missing", why="the index lists it but the store does not have it")
            ) from None
    if size != pack.size:
        why = f"it has {size} bytes where the index says {pack.size}"
        raise _refusal(DamagedData(f"pack {pack.id.short} has the wrong size", why=why))


@dataclass(slots=True)
class _Tally:
    """Of one pack."""

    size: int
    marked: dt.datetime | None
    type: BlobType | None = None
    used_blobs: int = 0
    used_bytes: int = 0
    unused_blobs: int = 0
    unused_bytes: int = 0


def _uses(index: Index, reachable: Reachable) -> dict[PackId, PackUse]:
    """Of every pack that the index lists."""
    tallies = index.examine(lambda parts: _tallies(parts, index, reachable, expect_copies=False))
    if sum(tally.used_blobs for tally in tallies.values()) != reachable.count:
        # Some blobs were counted in several packs, because two writers stored them at the same time.
        tallies = index.examine(lambda parts: _tallies(parts, index, reachable, expect_copies=True))
    return {
        pack_id: PackUse(
            pack_id,
            tally.type,
            tally.size,
            tally.used_blobs,
            tally.used_bytes,
            tally.unused_blobs,
            tally.unused_bytes,
            tally.marked,
        )
        for pack_id, tally in tallies.items()
    }


def _tallies(parts: Sequence[Part], index: Index, reachable: Reachable, *, expect_copies: bool) -> dict[PackId, _Tally]:
    """Counts each pack once. Of a blob's places only the first is used; marked packs come last, so that they are needed for
    nothing that is elsewhere too. To look every blob's places up takes long: without `expect_copies` that is done for the
    blobs in marked packs only.
    """
    tallies: dict[PackId, _Tally] = {}
    for part in parts:
        numbered: dict[int, tuple[PackId, _Tally]] = {}
        for number, pack_id, size in part.numbered_packs():
            if pack_id not in tallies:  # else another index file lists it too
                tallies[pack_id] = _Tally(size, index.marks.get(pack_id))
                numbered[number] = pack_id, tallies[pack_id]
        for blob_type in BlobType:
            for digest, number, _, length, _ in part.all_records(blob_type):
                if number not in numbered:
                    continue
                pack_id, tally = numbered[number]
                tally.type = blob_type
                blob_id = BlobId(digest)
                is_used = reachable.has(blob_type, blob_id)
                if is_used and (expect_copies or tally.marked is not None):
                    is_used = index.places(blob_type, blob_id)[0].pack == pack_id
                if is_used:
                    tally.used_blobs += 1
                    tally.used_bytes += length
                else:
                    tally.unused_blobs += 1
                    tally.unused_bytes += length
    return tallies
