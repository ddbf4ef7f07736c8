"""The other levels of a check: that the bytes of packs are those which were written.

Each pack's content matches its name, its header lists it from the first byte to the last, the index says of every blob what the
header says, and every blob decrypts, decompresses and hashes to its id.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.ahead import ahead
from holdfast.repository.blob import Opener, open_blobs
from holdfast.repository.check_report import CheckReport
from holdfast.repository.check_structure import is_outdated
from holdfast.repository.id_interval import IdInterval
from holdfast.repository.layout import file_name
from holdfast.repository.pack import LENGTH_SIZE, PackedBlob, decode_header, header_length
from holdfast.repository.pack_sums import PackSums
from holdfast.repository.repository import Repository

_WORKERS = 2
"""Threads that read and prove packs: two keep two processors busy with decryption."""

_LONG = 256 << 10
"""A blob with more content is opened part by part; shorter ones together."""

_TOGETHER = 256 << 10
"""Bytes of content of short blobs that are in memory at once."""

_MOST_NAMED = 3  # faults of one pack

_CHANGED = (
    "Put the file back from a copy of the store, or run `holdfast repository repair packs {}`, which saves what is whole in it,"
    " and make a new backup: it stores again what still exists."
)


class _Read(NamedTuple):
    """What became of one pack."""

    pack: PackId
    size: int
    faults: list[DamagedData] | None  # None: it is not there


def read_packs(
    repository: Repository, report: CheckReport, interval: IdInterval, *, cancel: Cancel, progress: Progress
) -> None:
    """Reads the packs that lie in an interval, and adds to the report of `check_structure`, which was just made.

    A pack that is not there although the report does not miss it may have been removed by a prune: then the index is read anew.
    """
    count = size = 0
    for _, pack_size in _chosen(repository, interval):
        count, size = count + 1, size + pack_size
    progress.phase("read packs", count, size)
    proof = _Proof(repository, cancel)
    vanished = []
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="holdfast-check") as pool:
        for read in ahead(pool, proof.of, _chosen(repository, interval), _WORKERS):
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
        report.damaged_pack(pack_id, "vanished while it was checked", why, _CHANGED.format(pack_id.hex()))


def _chosen(repository: Repository, interval: IdInterval) -> Iterator[tuple[PackId, int]]:
    return ((pack_id, size) for pack_id, size in repository.index.packs() if interval.has(pack_id))


def _still_listed(repository: Repository, report: CheckReport, pack_ids: list[PackId]) -> list[PackId]:
    if pack_ids and is_outdated(repository, report):
        index = repository.reread_index()
        return [pack_id for pack_id in pack_ids if index.has_pack(pack_id)]
    return pack_ids


class _Proof:
    """Thread-safe."""

    def __init__(self, repository: Repository, cancel: Cancel) -> None:
        self._repository = repository
        self._cancel = cancel
        self._sums = PackSums(repository.index)
        self._own = threading.local()

    def of(self, pack: tuple[PackId, int]) -> _Read:
        """Reads a pack, and again if it does not seem whole: the way from the store may have been at fault."""
        self._cancel.check()
        pack_id, size = pack
        faults: list[DamagedData] = []
        try:
            for _ in range(2):
                content = self._repository.store.get(file_name(pack_id))
                faults = list(self._faults(pack_id, content))
                if not faults:
                    break
        except FileMissing:
            return _Read(pack_id, size, None)
        return _Read(pack_id, len(content), faults)

    def _faults(self, pack_id: PackId, content: bytes) -> Iterator[DamagedData]:
        if PackId.of(content) != pack_id:
            yield DamagedData("its content does not match its name", why="bytes were changed after it was written")
        view = memoryview(content)
        try:
            length = header_length(view[-LENGTH_SIZE:], len(content))
            blobs = decode_header(self._repository.key.open(view[-LENGTH_SIZE - length : -LENGTH_SIZE]))
        except DamagedData as error:
            yield error
            return
        yield from self._blob_faults(blobs, view)
        yield from self._index_faults(pack_id, blobs)
        end = blobs[-1].offset + blobs[-1].length if blobs else 0
        if end != len(content) - LENGTH_SIZE - length:
            yield DamagedData("its header does not cover its content", why=f"{end} bytes of blobs are listed")

    def _blob_faults(self, blobs: Iterable[PackedBlob], content: memoryview) -> Iterator[DamagedData]:
        waiting: list[PackedBlob] = []
        size = 0
        for blob in blobs:
            if blob.content_size > _LONG:
                yield from self._long_blob_faults(blob, content)
                continue
            waiting.append(blob)
            size += blob.content_size
            if size > _TOGETHER:
                yield from self._short_blob_faults(waiting, content)
                waiting, size = [], 0
        yield from self._short_blob_faults(waiting, content)

    def _short_blob_faults(self, blobs: list[PackedBlob], content: memoryview) -> Iterator[DamagedData]:
        self._cancel.check()
        sealed = [(blob.id, content[blob.offset : blob.offset + blob.length], blob.plain_length) for blob in blobs]
        for opened in open_blobs(self._repository.key, sealed):
            if isinstance(opened, DamagedData):
                yield opened

    def _long_blob_faults(self, blob: PackedBlob, content: memoryview) -> Iterator[DamagedData]:
        self._cancel.check()
        opener: Opener | None = getattr(self._own, "opener", None)
        if opener is None:
            opener = self._own.opener = Opener(self._repository.key, _LONG)
        try:
            for _ in opener.open(blob.id, content[blob.offset : blob.offset + blob.length], blob.plain_length):
                pass
        except DamagedData as error:
            yield error

    def _index_faults(self, pack_id: PackId, blobs: list[PackedBlob]) -> Iterator[DamagedData]:
        for blob in self._sums.misplaced(pack_id, blobs):
            if self._repository.index.has(blob.type, blob.id):
                yield DamagedData(f"blob {blob.id.short} lies elsewhere than the index says", why="the index is wrong")
            else:
                yield DamagedData(f"blob {blob.id.short} is not in the repository's index", why="the index is wrong")
