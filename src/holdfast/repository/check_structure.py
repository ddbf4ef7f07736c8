"""The first level of a check: that everything which should be there is there.

The keys and every index file can be read, the packs that the index lists exist with the right sizes, and every snapshot's trees
lead to indexed blobs only. The cache of the index is not believed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from holdfast.errors import DamagedData
from holdfast.ids import BlobId, LockId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.check_report import CheckReport
from holdfast.repository.id_numbers import IdNumbers
from holdfast.repository.index import Index
from holdfast.repository.index_file import list_index_files
from holdfast.repository.keys import list_keys
from holdfast.repository.layout import Directory, parse_name
from holdfast.repository.lock_file import list_locks
from holdfast.repository.reachable import Reachable
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot

_TRIES = 3
"""How often the whole is looked at anew because index files were replaced under our eyes. A prune does so once in hours."""

_MOST_NAMED = 10
_NOT_LISTED = (1 << 64) - 1

LOST = (
    "Put the file back from a copy of the store, or make a new backup: it stores again what still exists."
    " `holdfast repository repair index` then forgets what is gone."
)

Meet = Callable[[SnapshotId, Snapshot], None]


def check_structure(
    repository: Repository, *, cancel: Cancel, progress: Progress, meet: Meet = lambda *_: None
) -> CheckReport:
    """`meet` is called for every snapshot that can be read.

    Whatever seems to be lost while index files vanish may have been moved by a prune: then all is looked at again.
    """
    for _ in range(_TRIES):
        report = _Structure(repository, cancel, progress, meet).check()
        if not report.errors or not is_outdated(repository, report):
            break
    return report


def is_outdated(repository: Repository, report: CheckReport) -> bool:
    """Whether an index file was removed since, so that what was read from it holds no more."""
    return not report.index_files <= frozenset(list_index_files(repository.store))


class _Structure:
    def __init__(self, repository: Repository, cancel: Cancel, progress: Progress, meet: Meet) -> None:
        self._repository = repository
        self._cancel = cancel
        self._progress = progress
        self._meet = meet
        self._report = CheckReport()

    def check(self) -> CheckReport:
        # Before the index, or a backup that ends meanwhile would seem to lack its blobs.
        snapshot_ids = self._repository.snapshot_ids()
        self._check_keys()
        self._check_locks()
        self._progress.phase("load the index")
        self._report.index_files = frozenset(list_index_files(self._repository.store))
        index = self._repository.reread_index()
        for fault in index.faults:
            self._report.damaged(fault)
        self._progress.phase("list the packs")
        self._check_packs(index)
        self._check_snapshots(index, snapshot_ids)
        return self._report

    def _check_keys(self) -> None:
        for _, key_file in list_keys(self._repository.store):
            if isinstance(key_file, DamagedData):
                self._report.error(
                    key_file.what,
                    key_file.why,
                    "Its password may open nothing any more. Add the password again, then remove this key.",
                )

    def _check_locks(self) -> None:
        """Nothing is lost with a lock; but nobody heeds an empty one, and everybody any other that cannot be read."""
        why = "a store or a disk that gave way left it, or changed it"
        advice = "If nothing is running, remove it with `holdfast repository unlock --all`."
        store = self._repository.store
        for entry in store.list(Directory.LOCKS.value):
            lock_id = parse_name(entry.name, LockId)
            if lock_id is not None and entry.size == 0:
                name = f"lock {lock_id.short} is empty and locks nothing"
                self._report.note(name, why, "Nothing is lost; it may be deleted.")
        for found in list_locks(store, self._repository.key):
            if found.file is None:
                self._report.error(f"lock {found.id.short} is damaged and lets nobody work", why, advice)

    def _check_packs(self, index: Index) -> None:
        """Compares the listing with the index. Memory: 26 bytes a pack, and the ids of those that are missing."""
        numbers = IdNumbers(pack_id for pack_id, _ in index.packs())
        sizes = array("Q", [_NOT_LISTED]) * len(numbers)
        unknown = self._listed_sizes(numbers, sizes)
        self._note_unknown(unknown)
        missing = self._report.missing_packs
        for pack_id, size in index.packs():
            self._report.packs += 1
            self._report.stored_bytes += size
            listed = sizes[numbers.find(pack_id)]
            if listed == _NOT_LISTED:
                missing.add(pack_id)
                why = "the index lists it but the store does not have it"
                self._report.damaged_pack(pack_id, "is missing", why, LOST)
            elif listed != size:
                why = f"it has {listed} bytes where the index says {size}"
                self._report.damaged_pack(pack_id, "has the wrong size", why, LOST)
        if missing:
            index.forget_packs(missing)  # so that the files which need them are named

    def _listed_sizes(self, numbers: IdNumbers, sizes: array[int]) -> tuple[int, list[PackId]]:
        """Enters the sizes of packs that are stored; returns how many are in no index, and the first of them."""
        unknown = 0
        first: list[PackId] = []
        for pack_id, size in self._repository.stored_packs():
            number = numbers.find(pack_id)
            if number >= 0:
                sizes[number] = size
                continue
            unknown += 1
            if len(first) < _MOST_NAMED:
                first.append(pack_id)
        return unknown, first

    def _note_unknown(self, unknown: tuple[int, list[PackId]]) -> None:
        count, first = unknown
        if count:
            names = ", ".join(pack_id.short for pack_id in first) + (", …" if count > len(first) else "")
            self._report.note(
                f"{count:,} packs are in no index: {names}" if count > 1 else f"pack {names} is in no index",
                "an interrupted run left it, or a running one has not finished yet",
                "Nothing is lost; prune removes it.",
            )

    def _check_snapshots(self, index: Index, snapshot_ids: list[SnapshotId]) -> None:
        reachable = Reachable(self._repository.reader, index, cancel=self._cancel, progress=self._progress)
        self._report.blobs = reachable.blobs
        self._progress.phase("check snapshots and trees", reachable.trees_in_index)
        roots = list(self._roots(snapshot_ids))
        reachable.add_many(root for _, root in roots)
        self._report.trees = reachable.trees
        for snapshot_id, root in roots:
            self._report.damaged_snapshot(snapshot_id, reachable.damage_below(root))

    def _roots(self, snapshot_ids: list[SnapshotId]) -> Iterator[tuple[SnapshotId, BlobId]]:
        for snapshot_id, snapshot in self._repository.snapshots(snapshot_ids):
            self._cancel.check()
            self._report.snapshots += 1
            if isinstance(snapshot, DamagedData):
                self._report.damaged(snapshot)
                continue
            self._meet(snapshot_id, snapshot)
            try:
                yield snapshot_id, BlobId.parse(snapshot.tree)
            except DamagedData as error:
                self._report.error(
                    f"snapshot {snapshot_id.short}: {error.what}", error.why, error.next, snapshot=snapshot_id.hex()
                )
