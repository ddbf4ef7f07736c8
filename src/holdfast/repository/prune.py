"""Carrying out a prune: mark, repack, sweep. Other runs go on meanwhile.

Order, so that at every moment whatever a snapshot needs is stored and listed:
  1. packs that are to go are marked, in an index file of its own: from now on our writers store their blobs anew instead of
     relying on them; then the older mark files are removed;
  2. what is needed of marked packs is stored in new packs, then listed in a new index file;
  3. packs whose mark is older than the grace period are swept, under a lock that keeps restic out, which reads no marks: locks
     are looked at, then snapshots; a pack that somebody uses after all is recovered. New index files without the packs are
     stored, the old ones removed, then the packs, then their marks.
A run that died leaves marks, copies and packs that no index lists; the next one goes on from there.

No run of ours loses what it relies on: either it began before the mark, then its lock, which tells when it began, holds the
sweep back; or it saw the mark. A run whose lock went stale refuses to publish. Those without locks (rustic) are seen only once
they have published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from holdfast.errors import DamagedData, RepositoryLocked, StoreError
from holdfast.ids import PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.ahead import ahead
from holdfast.repository.blob import Sealed, compress_blob, open_blob, seal_blob
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import Role, remove_stale_locks
from holdfast.repository.marks import replace_marks
from holdfast.repository.pack import BlobType, PackedBlob, decode_header, open_header
from holdfast.repository.prune_plan import Action, PackUse, PruneOptions, PrunePlan, plan_prune
from holdfast.repository.prune_survey import Survey, survey_repository
from holdfast.repository.repository import Repository
from holdfast.repository.sweep import is_cluttered, sweep

_BATCH = 512 << 20
"""Bytes of packs that are repacked before the new ones are listed, and so not repacked again if the run dies."""

_PARALLEL_READS = 2


@dataclass(slots=True)
class PruneReport:
    """What was done. Bytes are those of files."""

    plan: PrunePlan
    marked_packs: int = 0
    recovered_packs: int = 0
    repacked_packs: int = 0
    repacked_bytes: int = 0
    stored_bytes: int = 0  # of blobs that repacking stored anew
    removed_packs: int = 0
    removed_bytes: int = 0
    held_back: str = ""  # why packs whose time has come were not removed


def plan(repository: Repository, options: PruneOptions, cancel: Cancel, progress: Progress) -> PrunePlan:
    """What `prune` would do now. Changes nothing. Raises DamagedData."""
    with repository.lock(cancel):
        return plan_prune(survey_repository(repository, cancel, progress).packs, options, repository.clock.now())


def prune(repository: Repository, options: PruneOptions, cancel: Cancel, progress: Progress) -> PruneReport:
    """Removes what no snapshot needs. Raises RepositoryLocked if another one is at it, or restic alone may be at work;
    DamagedData, having changed nothing, if a snapshot cannot be read whole; LockLost.
    """
    with repository.lock(cancel, role=Role.PRUNE) as lock, _explained(lock):
        _remove_dead_locks(repository, progress)
        found = survey_repository(repository, cancel, progress)
        made = plan_prune(found.packs, options, repository.clock.now())
        run = _Prune(repository, found, made, lock, cancel, progress)
        run.mark()
        run.repack()
        run.sweep()
        return run.report


def _remove_dead_locks(repository: Repository, progress: Progress) -> None:
    """What dead runs left: shared locks are in nobody's way, so that nobody else removes them."""
    dead = remove_stale_locks(repository.store, repository.key, repository.clock)
    if dead:
        progress.note(f"removed {len(dead)} locks of runs that died")


@contextmanager
def _explained(lock: Lock) -> Iterator[None]:
    """What cannot be read may be gone because another prune took this one for dead. Then that is what is said."""
    try:
        yield
    except (StoreError, DamagedData):
        with suppress(StoreError):
            lock.prove()
        raise


class _Prune:
    def __init__(
        self, repository: Repository, survey: Survey, made: PrunePlan, lock: Lock, cancel: Cancel, progress: Progress
    ) -> None:
        self._repository = repository
        self._store, self._key = repository.store, repository.key
        self._survey = survey
        self._plan = made
        self._lock = lock
        self._cancel = cancel
        self._progress = progress
        self.report = PruneReport(made)

    def mark(self) -> None:
        """Writes down what is to go, and takes back the marks of what is needed."""
        now = self._repository.clock.now()
        fresh = self._plan.packs(Action.MARK, Action.REPACK)
        recovered = self._plan.packs(Action.RECOVER)
        marks = {pack.id: pack.marked for pack in self._plan.packs(Action.WAIT, Action.DELETE) if pack.marked}
        # A pack that is repacked counts from now, even if a run that died marked it before: whoever reads what is needed of
        # it found that nowhere else until now.
        marks |= {pack.id: now for pack in fresh}
        replace_marks(self._repository, marks, self._lock)
        self.report.marked_packs = sum(pack.marked is None for pack in fresh)
        self.report.recovered_packs = len(recovered)

    def repack(self) -> None:
        """Stores anew what is needed of packs that are marked now, so that the writer does not find it there."""
        packs = self._plan.packs(Action.REPACK)
        self._progress.phase("repack", len(packs), sum(pack.size for pack in packs))
        with (
            ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="holdfast-read") as pool,
            closing(self._repository.writer(self._lock, self._cancel)) as writer,
        ):
            unlisted = 0
            for pack, blobs in zip(packs, ahead(pool, self._needed_blobs, packs, _PARALLEL_READS), strict=True):
                for blob_type, sealed in blobs:
                    if writer.claim(blob_type, [sealed.id])[0]:
                        writer.add(blob_type, [sealed])
                self.report.repacked_packs += 1
                self.report.repacked_bytes += pack.size
                self._progress.advance(size=pack.size)
                unlisted += pack.size
                if unlisted >= _BATCH:
                    writer.flush()
                    unlisted = 0
            writer.flush()
            self.report.stored_bytes = writer.stats.stored_bytes

    def _needed_blobs(self, pack: PackUse) -> list[tuple[BlobType, Sealed]]:
        """Blobs of a pack that snapshots need, each proved. Raises DamagedData."""
        self._cancel.check()
        content = self._store.get(file_name(pack.id))
        if PackId.of(content) != pack.id:
            raise DamagedData(f"pack {pack.id.short} is damaged", why="its content does not match its name")
        view = memoryview(content)
        return [
            (blob.type, self._resealed(blob, view[blob.offset : blob.offset + blob.length]))
            for blob in decode_header(open_header(self._key, view))
            if self._survey.reachable.has(blob.type, blob.id)
        ]

    def _resealed(self, blob: PackedBlob, body: memoryview) -> Sealed:
        content = open_blob(self._key, blob.id, body, blob.plain_length)
        if blob.type is BlobType.TREE and not blob.plain_length:  # of format version 1
            return seal_blob(self._key, compress_blob(blob.id, content, always=True))
        return Sealed(blob.id, bytes(body), blob.plain_length)

    def sweep(self) -> None:
        """Removes packs whose time has come, unless somebody may still count on them."""
        due = self._due()
        if not due and not is_cluttered(self._repository):
            return
        try:
            with self._repository.lock(self._cancel, exclusive=True, role=Role.SWEEP, beside=self._lock) as lock:
                swept = sweep(
                    self._repository,
                    due,
                    self._survey.reachable,
                    self._survey.snapshots,
                    (self._lock, lock),
                    self._cancel,
                    self._progress,
                )
        except RepositoryLocked as error:
            self.report.held_back = f"another program is at work: {error.why}"
            return
        self.report.recovered_packs += len(swept.recovered)
        self.report.removed_packs = len(swept.removed)
        self.report.removed_bytes = sum(pack.size for pack in self._survey.packs if pack.id in swept.removed)
        self.report.held_back = swept.held_back

    def _due(self) -> dict[PackId, dt.datetime]:
        latest = self._repository.clock.now() - self._plan.options.grace
        return {pack_id: marked for pack_id, marked in self._repository.index.marks.items() if marked <= latest}
