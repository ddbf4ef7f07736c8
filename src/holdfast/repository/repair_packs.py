"""Saving what is whole in damaged packs, and taking the packs away.

Safety order: a copy of the pack for those who want one, new packs with what is whole, the index that lists them, index files
without the damaged packs, and only then these are deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import DamagedData, FileMissing, HoldfastError, NotFound
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.ahead import ahead
from holdfast.repository.index import Index
from holdfast.repository.index_file import decode_packs, list_index_files, load_index_files
from holdfast.repository.index_rewriter import IndexRewriter
from holdfast.repository.layout import file_name, is_prefix
from holdfast.repository.lock import Lock
from holdfast.repository.lost_paths import LostBlob, LostPath, find_lost_paths
from holdfast.repository.pack import BlobType, PackedBlob
from holdfast.repository.pack_remains import BlobKey, PackRemains, examine_pack, read_blob
from holdfast.repository.repository import Repository
from holdfast.repository.writer import BlobWriter

_PARALLEL_READS = 2
"""Packs in memory at once while all of them are read."""


@dataclass(frozen=True, slots=True)
class RepairedPack:
    pack: PackId
    why: str  # what is wrong with it
    saved: int  # blobs that were whole in it
    lost: int  # blobs that were not, and of which there is no other copy


@dataclass(slots=True)
class PacksRepair:
    """What was found, and what was done about it or, in a dry run, would be."""

    packs_read: int = 0
    bytes_read: int = 0
    repaired: list[RepairedPack] = field(default_factory=list)
    whole: list[PackId] = field(default_factory=list)  # were named, and nothing is wrong with them
    unknown: list[PackId] = field(default_factory=list)  # neither header nor index says what is in them: left alone
    lost: list[LostBlob] = field(default_factory=list)
    lost_paths: list[LostPath] = field(default_factory=list)  # what needs lost blobs


def find_packs(repository: Repository, prefixes: Sequence[str]) -> list[PackId]:
    """The packs, stored or listed by the index, whose ids begin so. Raises NotFound unless each names one."""
    if not prefixes:
        return []
    known = {pack_id for pack_id, _ in repository.stored_packs()} | {pack_id for pack_id, _ in repository.index.packs()}
    found = []
    for prefix in prefixes:
        fitting = [pack_id for pack_id in known if is_prefix(prefix) and pack_id.hex().startswith(prefix)]
        if len(fitting) != 1:
            raise NotFound(
                f"{prefix!r:.80} names {len(fitting)} packs",
                why="it must be the start of one id",
                next="See which packs are damaged with `holdfast repository check --read-data`.",
            )
        found += fitting
    return found


def repair_packs(
    repository: Repository,
    named: Collection[PackId] = (),
    *,
    save_damaged: Path | None = None,
    dry_run: bool,
    cancel: Cancel,
    progress: Progress,
) -> PacksRepair:
    """Stores what is whole in the named packs again, and deletes them; without names in those that a full read finds damaged.

    `save_damaged` is a directory for copies of what is deleted. Memory: a few packs, and the lost. Raises RepositoryLocked,
    LockLost, Cancelled and what the store raises; whenever it ends, every blob that could be read still can.
    """
    with repository.lock(cancel, exclusive=not dry_run) as lock:
        repair = _Repair(repository, lock, cancel, progress, save_damaged, dry_run=dry_run)
        try:
            return repair.run(named or repair.changed_packs())
        finally:
            repository.drop_index()


class _Repair:
    def __init__(
        self,
        repository: Repository,
        lock: Lock,
        cancel: Cancel,
        progress: Progress,
        save_damaged: Path | None,
        *,
        dry_run: bool,
    ) -> None:
        self._repository = repository
        self._lock = lock
        self._cancel = cancel
        self._progress = progress
        self._save_damaged = save_damaged
        self._dry_run = dry_run
        self._report = PacksRepair()
        self._read: dict[PackId, int] = {}  # bytes of the packs that were read
        self._faults: dict[PackId, PackRemains] = {}
        self._saved: set[BlobKey] = set()

    def changed_packs(self) -> list[PackId]:
        """Reads every pack; gives those whose bytes are not what their name says."""
        stored = list(self._repository.stored_packs())
        self._progress.phase("read packs", len(stored), sum(size for _, size in stored))
        changed: list[PackId] = []
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="holdfast-read") as pool:
            packs = [pack_id for pack_id, _ in stored]
            read = ahead(pool, self._size_and_whether_changed, packs, _PARALLEL_READS)
            for pack_id, (size, is_changed) in zip(packs, read, strict=True):
                self._read[pack_id] = size
                self._progress.advance(size=size)
                if is_changed:
                    changed.append(pack_id)
        return changed

    def _size_and_whether_changed(self, pack_id: PackId) -> tuple[int, bool]:
        self._cancel.check()
        content = self._content(pack_id)
        return len(content), PackId.of(content) != pack_id

    def run(self, pack_ids: Collection[PackId]) -> PacksRepair:
        if pack_ids:
            self._repair(pack_ids)
        self._report.packs_read, self._report.bytes_read = len(self._read), sum(self._read.values())
        return self._report

    def _repair(self, pack_ids: Collection[PackId]) -> None:
        self._progress.phase("read index files")
        entries = self._entries(frozenset(pack_ids))
        self._repository.reread_index().forget_packs(pack_ids)  # for the question whether there is another copy
        self._progress.phase("save what is whole", len(pack_ids))
        # The writer knows of no blob: what it is given has no other whole copy, whatever the index says.
        store, key = self._repository.store, self._repository.key
        with contextlib.closing(
            BlobWriter(store, key, Index(), before_first_write=self._lock.check, prove=self._lock.prove)
        ) as writer:
            for pack_id in dict.fromkeys(pack_ids):
                self._cancel.check()
                self._save_pack(pack_id, entries.get(pack_id, []), writer)
                self._progress.advance()
            writer.flush()
        self._count_losses()
        if not self._dry_run:
            self._remove()
        self._repository.drop_index()
        if self._report.lost:
            self._report.lost_paths = find_lost_paths(self._repository, self._report.lost, self._cancel, self._progress)

    def _content(self, pack_id: PackId) -> bytes:
        """The pack's bytes; of one that is missing none."""
        try:
            return self._repository.store.get(file_name(pack_id))
        except FileMissing:
            return b""

    def _entries(self, wanted: Collection[PackId]) -> Mapping[PackId, list[PackedBlob]]:
        """What index files say of some packs."""
        entries: dict[PackId, list[PackedBlob]] = {}
        for _, packs in self._index_files():
            for pack_id, blobs in packs:
                if pack_id in wanted:
                    entries.setdefault(pack_id, []).extend(blobs)
        return entries

    def _index_files(self) -> Iterator[tuple[IndexId, list[tuple[PackId, list[PackedBlob]]]]]:
        """Those that can be read: `repair index` deals with the others."""
        store, key = self._repository.store, self._repository.key
        for index_id, loaded in load_index_files(store, key, list_index_files(store)):
            self._cancel.check()
            if not isinstance(loaded, DamagedData):
                with contextlib.suppress(DamagedData):
                    yield index_id, list(decode_packs(loaded))

    def _save_pack(self, pack_id: PackId, listed: Sequence[PackedBlob], writer: BlobWriter) -> None:
        content, key = self._content(pack_id), self._repository.key
        self._read[pack_id] = len(content)
        remains = examine_pack(key, pack_id, content, listed)
        if not remains.is_known:
            self._report.unknown.append(pack_id)
            return
        self._saved |= remains.whole.keys()
        if not remains.fault:
            self._report.whole.append(pack_id)
            return
        self._faults[pack_id] = remains
        if self._dry_run:
            return
        if self._save_damaged is not None and content:
            _write_copy(self._save_damaged, pack_id, content)
        for (blob_type, blob_id), blob in remains.whole.items():
            if not self._has_copy(blob_type, blob_id):
                writer.save(blob_type, read_blob(key, content, blob))

    def _has_copy(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        """Whether a pack that is not being repaired has the blob, whole."""
        if not self._repository.index.has(blob_type, blob_id):
            return False
        try:
            self._repository.reader.load(blob_type, blob_id)
        except DamagedData:
            return False
        return True

    def _count_losses(self) -> None:
        for pack_id, remains in self._faults.items():
            lost = [one for one in remains.lost if one not in self._saved and not self._has_copy(*one)]
            self._report.repaired.append(RepairedPack(pack_id, remains.fault, len(remains.whole), len(lost)))
            self._report.lost += [LostBlob(*one, pack_id) for one in lost]

    def _remove(self) -> None:
        """Takes the packs out of the index, then out of the store."""
        rewriter = IndexRewriter(self._repository.store, self._repository.key, self._lock.prove)
        for index_id, packs in self._index_files():
            if any(pack_id in self._faults for pack_id, _ in packs):
                rewriter.replace(index_id)
                for pack_id, blobs in packs:
                    if pack_id not in self._faults:
                        rewriter.add(pack_id, blobs)
        rewriter.finish()
        for pack_id in self._faults:
            self._lock.check()
            self._repository.store.delete(file_name(pack_id))


def _write_copy(directory: Path, pack_id: PackId, content: bytes) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / pack_id.hex()).write_bytes(content)
    except OSError as error:
        raise HoldfastError(
            f"pack {pack_id.short} cannot be copied to {directory}",
            why=error.strerror or type(error).__name__,
            next="Choose another directory for --save-damaged. The pack was not touched.",
        ) from error
