"""Removing marked packs whose time has come: from the index first, then their files, then their marks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.errors import DamagedData
from holdfast.ids import IndexId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.index_file import (
    FULL_AT,
    decode_packs,
    list_index_files,
    load_index_files,
)
from holdfast.repository.index_rewriter import IndexRewriter
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import list_live_locks, remove_stale_locks
from holdfast.repository.marks import replace_marks
from holdfast.repository.pack import PackedBlob
from holdfast.repository.prune_survey import add_snapshots
from holdfast.repository.reachable import Reachable
from holdfast.repository.repository import Repository

CLOCKS_APART = dt.timedelta(hours=1)
"""How far the clocks of two machines may be from one another: a run that began so shortly after a mark may not have seen it."""

_MANY_FILES = 64
"""Small index files that are worth being made few; each costs a request whenever the index is loaded."""

_SMALL = 4
"""An index file is small if it lists less than a fourth of what a writer puts into one."""

_PARALLEL_DELETES = 4

_MOST_LOOKS = 10
"""Times that dead locks may come again as they are removed, because a holder that lives after all refreshes its own."""

_BATCH = 64
"""Packs that are removed between two looks at our own locks."""


@dataclass(slots=True)
class Swept:
    removed: set[PackId] = field(default_factory=set)
    recovered: set[PackId] = field(default_factory=set)
    held_back: str = ""  # why packs are still there whose time has come


def sweep(
    repository: Repository,
    due: Mapping[PackId, dt.datetime],
    reachable: Reachable,
    seen: Collection[SnapshotId],
    locks: Collection[Lock],
    cancel: Cancel,
    progress: Progress,
) -> Swept:
    """Removes packs that are `due`, each with the time of its mark. `reachable` is what the snapshots that were `seen` need;
    those that came since are looked at here, under `locks`.
    """
    return _Sweep(repository, reachable, locks, cancel, progress).run(due, seen)


class _Sweep:
    def __init__(
        self, repository: Repository, reachable: Reachable, locks: Collection[Lock], cancel: Cancel, progress: Progress
    ) -> None:
        self._repository = repository
        self._store, self._key = repository.store, repository.key
        self._reachable = reachable
        self._locks = locks
        self._cancel = cancel
        self._progress = progress
        self._swept = Swept()

    def run(self, due: Mapping[PackId, dt.datetime], seen: Collection[SnapshotId]) -> Swept:
        going = self._without_those_of_older_runs(due)
        if not going and not is_cluttered(self._repository):
            return self._swept
        # Locks before snapshots: a run that had a lock then is either still there, or its snapshot is seen now.
        new = frozenset(self._repository.snapshot_ids()) - frozenset(seen)
        self._reachable.look_in(self._repository.reload_index())
        add_snapshots(self._repository, self._reachable, new, self._cancel, self._progress)
        listing = self._read_listing(going)
        going -= self._swept.recovered
        self._rewrite([file.id for file in _to_rewrite(listing, going)], going)
        self._remove(going)
        marks = self._repository.index.marks
        gone = going | self._swept.recovered
        replace_marks(self._repository, {pack: time for pack, time in marks.items() if pack not in gone}, *self._locks)
        self._repository.reload_index()
        return self._swept

    def _without_those_of_older_runs(self, due: Mapping[PackId, dt.datetime]) -> set[PackId]:
        """Leaves out packs on which a run may count that began before their marks could be seen."""
        own = {lock.run for lock in self._locks}
        oldest, who = None, ""
        for _ in range(_MOST_LOOKS):
            # A run whose lock is taken for dead here cannot publish any more: see `holdfast.repository.lock`.
            if not remove_stale_locks(self._store, self._key, self._repository.clock):
                break
        for found in list_live_locks(self._store, self._key, self._repository.clock):
            if found.file is not None and found.file.holdfast is not None and found.file.holdfast.run in own:
                continue
            began = found.began() or dt.datetime.min.replace(tzinfo=dt.UTC)
            if oldest is None or began < oldest:
                oldest, who = began, found.describe()
        if oldest is None:
            return set(due)
        going = {pack_id for pack_id, marked in due.items() if marked + CLOCKS_APART < oldest}
        if len(going) < len(due):
            self._swept.held_back = f"a run that began before they were marked still goes on; its lock is held {who}"
        return going

    def _read_listing(self, going: set[PackId]) -> list[_Listing]:
        """What each index file lists. Packs that are to go, and are needed after all, are recovered."""
        listing = []
        index, has = self._repository.index, self._reachable.has
        for index_id, packs in self._index_files(list_index_files(self._store)):
            for pack_id, blobs in packs:
                if pack_id in going and any(
                    has(blob.type, blob.id) and index.places(blob.type, blob.id)[0].pack == pack_id for blob in blobs
                ):
                    self._swept.recovered.add(pack_id)
            listing.append(_Listing(index_id, {pack_id for pack_id, _ in packs}, sum(len(blobs) for _, blobs in packs)))
        return listing

    def _rewrite(self, index_ids: list[IndexId], going: set[PackId]) -> None:
        """Stores what these index files list besides, then removes them."""
        self._progress.phase("write the index", len(index_ids))
        rewriter = IndexRewriter(self._store, self._key, self._prove)
        kept: set[PackId] = set()
        for index_id, packs in self._index_files(index_ids):
            rewriter.replace(index_id)
            for pack_id, blobs in packs:
                if pack_id not in going and pack_id not in kept:
                    kept.add(pack_id)
                    rewriter.add(pack_id, blobs)
            self._progress.advance()
        rewriter.finish()

    def _index_files(
        self, index_ids: Iterable[IndexId]
    ) -> Iterable[tuple[IndexId, list[tuple[PackId, list[PackedBlob]]]]]:
        """Raises DamagedData for one that cannot be read: then nobody knows what it lists."""
        for index_id, loaded in load_index_files(self._store, self._key, index_ids):
            self._cancel.check()
            if isinstance(loaded, DamagedData):
                raise loaded
            yield index_id, list(decode_packs(loaded))

    def _remove(self, going: set[PackId]) -> None:
        self._progress.phase("remove packs", len(going))
        packs = sorted(going)
        with ThreadPoolExecutor(_PARALLEL_DELETES, thread_name_prefix="holdfast-remove") as pool:
            for start in range(0, len(packs), _BATCH):
                self._prove()
                for pack_id in pool.map(self._remove_pack, packs[start : start + _BATCH]):
                    self._swept.removed.add(pack_id)
                    self._progress.advance()

    def _remove_pack(self, pack_id: PackId) -> PackId:
        """Late by one, a removal does no harm: nothing lists the pack any more, and no other is ever named like it."""
        self._cancel.check()
        for lock in self._locks:
            lock.check()
        self._store.delete(file_name(pack_id))
        return pack_id

    def _prove(self) -> None:
        """Raises LockLost, Cancelled."""
        for lock in self._locks:
            lock.prove()
        self._cancel.check()


class _Listing(NamedTuple):
    """What an index file lists."""

    id: IndexId
    packs: set[PackId]
    blobs: int


def is_cluttered(repository: Repository) -> bool:
    """Whether there may be so many index files that a few are better."""
    return len(repository.index.files) >= _MANY_FILES


def _to_rewrite(listing: list[_Listing], going: set[PackId]) -> Iterator[_Listing]:
    """Files with packs that go, files that list what another one lists too (a sweep that died left both), and small ones if
    they are many.
    """
    times = Counter(pack_id for file in listing for pack_id in file.packs)
    small = {file.id for file in listing if file.packs and file.blobs * _SMALL < FULL_AT}
    for file in listing:
        if (
            file.packs & going
            or any(times[pack_id] > 1 for pack_id in file.packs)
            or (len(small) >= _MANY_FILES and file.id in small)
        ):
            yield file
