"""The other levels of a check: that the bytes of packs are those which were written, and that headers and index say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.ahead import ahead
from holdfast.repository.check_report import CheckReport
from holdfast.repository.check_structure import LOST, is_outdated
from holdfast.repository.id_interval import IdInterval
from holdfast.repository.layout import file_name
from holdfast.repository.pack import PackedBlob
from holdfast.repository.pack_examination import Examined, PackExaminer
from holdfast.repository.pack_sums import PackSums
from holdfast.repository.repository import Repository
from holdfast.store.base import Store

WORKERS = 2
"""Threads that read and prove packs: two keep two processors busy with decryption. Each has a pack in memory."""

_MOST_NAMED = 3  # faults of one pack

_CHANGED = (
    "Put the file back from a copy of the store, or run `holdfast repository repair packs {}`, which saves what is whole in it,"
    " and make a new backup: it stores again what still exists."
)


class Looked(NamedTuple):
    """At one pack."""

    size: int
    examined: Examined


Look = Callable[[PackId], Looked]
"""Reads and examines a pack. Raises FileMissing."""


class _Read(NamedTuple):
    """What became of one pack."""

    pack: PackId
    size: int
    faults: list[DamagedData] | None  # None: it is not there


def read_packs(
    repository: Repository,
    report: CheckReport,
    interval: IdInterval,
    *,
    cancel: Cancel,
    progress: Progress,
    look: Look | None = None,
    workers: int = WORKERS,
) -> None:
    """Reads the packs that lie in an interval, and adds to the report of `check_structure`, which was just made.

    `look` is called by as many threads as there are workers; without it they do it themselves.

    A pack that is not there although the report does not miss it may have been removed by a prune: then the index is read anew.
    """
    count = size = 0
    for _, pack_size in _chosen(repository, interval):
        count, size = count + 1, size + pack_size
    progress.phase("read packs", count, size)
    proof = _Proof(repository, look or looking_at(repository.store, PackExaminer(repository.key).examine), cancel)
    vanished = []
    with ThreadPoolExecutor(workers, thread_name_prefix="holdfast-check") as pool:
        for read in ahead(pool, proof.of, _chosen(repository, interval), workers):
            progress.advance(size=read.size)
            if read.faults is None:
                if read.pack not in report.missing_packs:
                    vanished.append(read.pack)
                continue
            report.packs_read += 1
            report.bytes_read += read.size
            if read.faults:
                why = "; ".join(str(fault) for fault in read.faults[:_MOST_NAMED])
                more = f"; and {len(read.faults) - _MOST_NAMED:,} more" if len(read.faults) > _MOST_NAMED else ""
                report.damaged_pack(read.pack, "is damaged", why + more, _CHANGED.format(read.pack.hex()))
    for pack_id in _still_listed(repository, report, vanished):
        why = "the store no longer has it, and the index still lists it"
        report.damaged_pack(pack_id, "vanished while it was checked", why, LOST)


def looking_at(store: Store, examine: Callable[[PackId, bytes], Examined]) -> Look:
    """Examines what the store has."""

    def look(pack_id: PackId) -> Looked:
        content = store.get(file_name(pack_id))
        return Looked(len(content), examine(pack_id, content))

    return look


def _chosen(repository: Repository, interval: IdInterval) -> Iterator[tuple[PackId, int]]:
    return ((pack_id, size) for pack_id, size in repository.index.packs() if interval.has(pack_id))


def _still_listed(repository: Repository, report: CheckReport, pack_ids: list[PackId]) -> list[PackId]:
    if pack_ids and is_outdated(repository, report):
        index = repository.reread_index()
        return [pack_id for pack_id in pack_ids if index.has_pack(pack_id)]
    return pack_ids


class _Proof:
    """Thread-safe."""

    def __init__(self, repository: Repository, look: Look, cancel: Cancel) -> None:
        self._repository = repository
        self._look = look
        self._sums = PackSums(repository.index)
        self._cancel = cancel

    def of(self, pack: tuple[PackId, int]) -> _Read:
        """Reads a pack, and again if it does not seem whole: the way from the store may have been at fault."""
        pack_id, size = pack
        faults: list[DamagedData] = []
        try:
            for _ in range(2):
                self._cancel.check()
                size, examined = self._look(pack_id)
                faults = [*examined.faults, *self._index_faults(pack_id, examined.blobs())]
                if not faults:
                    break
        except FileMissing:
            return _Read(pack_id, size, None)
        return _Read(pack_id, size, faults)

    def _index_faults(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> Iterator[DamagedData]:
        for blob in self._sums.misplaced(pack_id, blobs) if blobs else ():
            if self._repository.index.has(blob.type, blob.id):
                yield DamagedData(f"blob {blob.id.short} lies elsewhere than the index says", why="the index is wrong")
            else:
                yield DamagedData(f"blob {blob.id.short} is not in the repository's index", why="the index is wrong")
