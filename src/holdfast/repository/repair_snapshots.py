"""Snapshots without what is lost in them, for what no new backup can bring back.

Safety order: the index, so that nothing seems lost that is not; the mended trees; the new snapshot; and only then, if that is
wanted, the damaged one is deleted.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from holdfast.errors import DamagedData, PlanRefused
from holdfast.ids import BlobId, SnapshotId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.tags import Tags
from holdfast.repository.index_rewriter import IndexRewriter
from holdfast.repository.lock import Lock
from holdfast.repository.pack import BlobType
from holdfast.repository.repair_index import IndexRepair, compare_index
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_mender import Loss, TreeMender
from holdfast.repository.writer import BlobWriter

REPAIRED = "repaired"
"""The tag of snapshots that were made here."""


@dataclass(slots=True)
class DamagedSnapshot:
    """A snapshot that is not whole. In a dry run nothing was made or forgotten."""

    id: SnapshotId
    snapshot: Snapshot
    losses: list[Loss]
    tree: BlobId | None  # without what is lost; None if nothing of it can be read
    repaired: SnapshotId | None = None  # the snapshot without what is lost
    forgotten: bool = False

    @property
    def is_understood(self) -> bool:
        """Whether all that is left out is lost. Another program may still read what only this one does not understand."""
        return not any(loss.is_stored for loss in self.losses)


@dataclass(frozen=True, slots=True)
class UnreadableSnapshot:
    """A snapshot's file that cannot be read, so that nobody knows what was in it."""

    id: SnapshotId
    fault: DamagedData
    forgotten: bool


@dataclass(slots=True)
class SnapshotsRepair:
    """What was found, and what was done about it or, in a dry run, would be."""

    snapshots: int = 0
    trees: int = 0
    damaged: list[DamagedSnapshot] = field(default_factory=list)
    unreadable: list[UnreadableSnapshot] = field(default_factory=list)


def repair_snapshots(
    repository: Repository,
    named: Collection[SnapshotId] = (),
    *,
    forget: bool,
    dry_run: bool,
    cancel: Cancel,
    progress: Progress,
) -> SnapshotsRepair:
    """Makes for each damaged snapshot, of those named or of all, a new one without what is lost.

    `forget` deletes the damaged ones afterwards, unless another program may still read what is left out; of files that cannot
    be read it deletes those that were named. An index that is wrong is repaired first.

    Raises PlanRefused if blobs in damaged packs wait to be saved, in a dry run also if the index is wrong; RepositoryLocked,
    LockLost, Cancelled and what the store raises.
    """
    with repository.lock(cancel, exclusive=not dry_run) as lock:
        repair = _Repair(repository, lock, cancel, progress, forget=forget, dry_run=dry_run)
        return repair.run(frozenset(named))


class _Repair:
    def __init__(
        self,
        repository: Repository,
        lock: Lock,
        cancel: Cancel,
        progress: Progress,
        *,
        forget: bool,
        dry_run: bool,
    ) -> None:
        self._repository = repository
        self._lock = lock
        self._cancel = cancel
        self._progress = progress
        self._forget = forget
        self._dry_run = dry_run
        self._report = SnapshotsRepair()
        self._earlier: dict[tuple[str | None, str, str], SnapshotId] = {}  # repaired ones by original, tree and time

    def run(self, named: frozenset[SnapshotId]) -> SnapshotsRepair:
        index = self._right_index()
        with contextlib.closing(self._repository.writer(self._lock, self._cancel)) as writer:
            while self._look_through(named, writer):
                pass
        if self._dry_run and self._report.damaged and index.found:
            raise _wrong_index(f"{len(index.found)} packs are in none of its files, and may have what snapshots lack")
        self._say_what_heals()
        if not self._dry_run:
            self._publish()
        return self._report

    def _right_index(self) -> IndexRepair:
        """Sees to it that nothing seems lost that is not; a dry run only refuses. Raises PlanRefused."""
        rewriter = IndexRewriter(
            self._repository.store, self._repository.key, None if self._dry_run else self._lock.prove
        )
        index = compare_index(self._repository, rewriter, self._cancel, self._progress)
        for doubtful in index.doubtful:
            if doubtful.listed:
                raise PlanRefused(
                    f"pack {doubtful.pack.short} is damaged, and blobs in it may be whole",
                    why=doubtful.why,
                    next=f"First save them with `holdfast repository repair packs {doubtful.pack.short}`.",
                )
        files, wrong = len(index.damaged_files), len(index.forgotten) + len(index.corrected)
        why = f"{files} of its files are damaged, and {wrong} packs are lost or not as it lists them"
        if files or wrong:
            if self._dry_run:
                raise _wrong_index(why)
            self._progress.warn(f"the index is repaired first: {why}")
        rewriter.finish()
        self._repository.reread_index()
        return index

    def _look_through(self, named: frozenset[SnapshotId], writer: BlobWriter) -> bool:
        """Fills the report anew, and stores mended trees. Whether one of them was among the lost, so that less is lost now."""
        made: set[BlobId] = set()

        def save(content: bytes) -> BlobId:
            made.add(BlobId.of(content))
            return BlobId.of(content) if self._dry_run else writer.save(BlobType.TREE, content)

        self._report = SnapshotsRepair()
        mender = TreeMender(self._load_tree, self._fault, save)
        snapshot_ids = self._repository.snapshot_ids()
        self._progress.phase("look through snapshots and trees", len(snapshot_ids))
        for snapshot_id, snapshot in self._repository.snapshots(snapshot_ids):
            self._cancel.check()
            self._progress.advance()
            if isinstance(snapshot, Snapshot) and REPAIRED in snapshot.tags:
                self._earlier[snapshot.original, snapshot.tree, snapshot.time] = snapshot_id
            if named and snapshot_id not in named:
                continue
            self._report.snapshots += 1
            if isinstance(snapshot, DamagedData):
                goes = self._forget and snapshot_id in named and not self._dry_run
                self._report.unreadable.append(UnreadableSnapshot(snapshot_id, snapshot, forgotten=goes))
                continue
            self._look_into(snapshot_id, snapshot, mender)
        self._report.trees = mender.trees
        if self._dry_run:
            return False
        writer.flush()
        return not made.isdisjoint(mender.lost_trees)

    def _look_into(self, snapshot_id: SnapshotId, snapshot: Snapshot, mender: TreeMender) -> None:
        try:
            root = BlobId.parse(snapshot.tree)
        except DamagedData as error:
            self._report.damaged.append(DamagedSnapshot(snapshot_id, snapshot, [Loss("/", str(error))], None))
            return
        tree = mender.mend(root)
        if tree != root:
            self._report.damaged.append(DamagedSnapshot(snapshot_id, snapshot, list(mender.losses(root)), tree))

    def _load_tree(self, tree_id: BlobId) -> bytes:
        return self._repository.reader.load(BlobType.TREE, tree_id)

    def _fault(self, blob_id: BlobId) -> str:
        if self._repository.index.places(BlobType.DATA, blob_id):  # also in a pack that is going to be removed
            return ""
        return f"data blob {blob_id.short} is in no pack"

    def _say_what_heals(self) -> None:
        """While it is time: before anything is published or deleted."""
        snapshots = [damaged.snapshot for damaged in self._report.damaged]
        backups = [one for one in snapshots if Tags.parse(one.tags).get(tags.KIND) != tags.REPORT]
        counts = Counter(", ".join(one.paths) for one in backups)
        for paths, count in counts.items():
            snapshots_of = f"{count} damaged snapshot{'' if count == 1 else 's'} of {paths}"
            self._progress.warn(
                f"{snapshots_of}: a new backup of the same makes them whole instead, as far as what they lack still exists"
            )

    def _publish(self) -> None:
        self._progress.phase("save repaired snapshots", len(self._report.damaged))
        for damaged in self._report.damaged:
            self._cancel.check()
            if damaged.tree is not None:
                damaged.repaired = self._saved(damaged, damaged.tree)
            if self._forget and damaged.is_understood:
                self._delete(damaged.id)
                damaged.forgotten = True
            self._progress.advance()
        for unreadable in self._report.unreadable:
            if unreadable.forgotten:
                self._delete(unreadable.id)

    def _saved(self, damaged: DamagedSnapshot, tree: BlobId) -> SnapshotId:
        """The repaired snapshot, which an earlier repair may have made already."""
        before = damaged.snapshot
        original = before.original or damaged.id.hex()
        earlier = self._earlier.get((original, tree.hex(), before.time))
        if earlier is not None:
            return earlier
        marked = list(dict.fromkeys((*before.tags, REPAIRED)))
        repaired = msgspec.structs.replace(before, tree=tree.hex(), tags=marked, original=original)
        return self._repository.save_snapshot(repaired, self._lock)

    def _delete(self, snapshot_id: SnapshotId) -> None:
        self._lock.check()
        self._repository.delete_snapshot(snapshot_id)


def _wrong_index(why: str) -> PlanRefused:
    return PlanRefused(
        "the index does not say what there is", why=why, next="First run `holdfast repository repair index`."
    )
