"""Whether a repository holds what it claims: from the index and the snapshots down to every stored byte.

Structure: the keys and the index can be read, the packs that the index lists exist with the right sizes, and every
snapshot's trees lead to indexed blobs only. Reading data: each pack's bytes match its name, its header and its index entry,
and each blob decrypts, decompresses and hashes to its id. Nothing is changed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import BlobId, LockId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.blob import open_blob
from holdfast.repository.keys import list_keys
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.lock_file import list_locks
from holdfast.repository.pack import LENGTH_SIZE, decode_header, header_length
from holdfast.repository.reachable import Reachable
from holdfast.repository.repository import Repository

_LOST = (
    "Put the file back from a copy of the store, or make a new backup: it stores again what still exists."
    " `holdfast repository repair index` then forgets what is gone."
)
_CHANGED = (
    "Put the file back from a copy of the store, or run `holdfast repository repair packs {}`, which saves what is"
    " whole in it, and make a new backup: it stores again what still exists."
)
_PARALLEL_READS = 2
"""Packs in memory at once; two threads keep two cores busy with decryption."""


class Severity(StrEnum):
    ERROR = "error"  # something is lost or wrong
    NOTE = "note"  # untidy, but nothing is lost


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    what: str
    why: str
    next: str


@dataclass(slots=True)
class CheckReport:
    packs: int = 0
    packs_read: int = 0
    bytes_read: int = 0
    blobs: int = 0
    snapshots: int = 0
    trees: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    def error(self, what: str, why: str, next: str = "") -> None:  # noqa: A002 - the errors' own word
        self.findings.append(Finding(Severity.ERROR, what, why, next or DamagedData.default_next))

    def damaged(self, error: DamagedData, prefix: str = "") -> None:
        self.error(prefix + error.what, error.why, error.next)

    def note(self, what: str, why: str, next: str) -> None:  # noqa: A002
        self.findings.append(Finding(Severity.NOTE, what, why, next))


def check(repository: Repository, *, read_fraction: float, cancel: Cancel, progress: Progress) -> CheckReport:
    """Checks the structure, then reads `read_fraction` (0 to 1) of the packs, chosen at random."""
    report = CheckReport()
    # Before the index, or a backup that ends meanwhile would seem to lack its blobs.
    snapshot_ids = repository.snapshot_ids()
    _check_keys(repository, report)
    _check_locks(repository, report)
    progress.phase("load the index")
    index = (
        repository.reread_index()
    )  # every index file: of a cached one nobody knows whether it is still there, and whole
    for fault in index.faults:
        report.damaged(fault)
    report.blobs = len(index)
    progress.phase("list the packs")
    present = _check_packs(repository, report)
    _check_snapshots(repository, snapshot_ids, report, cancel, progress)
    if read_fraction > 0:
        _read_packs(repository, report, _sample(present, read_fraction), cancel, progress)
    return report


def _check_keys(repository: Repository, report: CheckReport) -> None:
    for _, key_file in list_keys(repository.store):
        if isinstance(key_file, DamagedData):
            report.error(
                key_file.what,
                key_file.why,
                "Its password may open nothing any more. Add the password again, then remove this key.",
            )


def _check_locks(repository: Repository, report: CheckReport) -> None:
    """Nothing is lost with a lock; but nobody heeds an empty one, and everybody any other that cannot be read."""
    why = "a store or a disk that gave way left it, or changed it"
    advice = "If nothing is running, remove it with `holdfast repository unlock --all`."
    for entry in repository.store.list(Directory.LOCKS.value):
        lock_id = parse_name(entry.name, LockId)
        if lock_id is not None and entry.size == 0:
            report.note(f"lock {lock_id.short} is empty and locks nothing", why, "Nothing is lost; it may be deleted.")
    for found in list_locks(repository.store, repository.key):
        if found.file is None:
            report.error(f"lock {found.id.short} is damaged and lets nobody work", why, advice)


def _check_packs(repository: Repository, report: CheckReport) -> dict[PackId, int]:
    """Compares the listing with the index; returns the packs that are there with their sizes."""
    listed: dict[PackId, int] = {}
    for entry in repository.store.list(Directory.PACKS.value):
        pack_id = parse_name(entry.name, PackId)
        if pack_id is not None:
            listed[pack_id] = entry.size
    index = repository.index
    for pack_id, size in index.packs():
        report.packs += 1
        if pack_id not in listed:
            why = "the index lists it but the store does not have it"
            report.error(f"pack {pack_id.short} is missing", why, _LOST)
        elif listed[pack_id] != size:
            why = f"it has {listed[pack_id]} bytes where the index says {size}"
            report.error(f"pack {pack_id.short} has the wrong size", why, _CHANGED.format(pack_id.short))
    unknown = [pack_id for pack_id in listed if not index.has_pack(pack_id)]
    for pack_id in unknown:
        report.note(
            f"pack {pack_id.short} is in no index",
            "an interrupted run left it, or a running one has not finished yet",
            "Nothing is lost; prune removes it.",
        )
        del listed[pack_id]
    return listed


def _check_snapshots(
    repository: Repository, snapshot_ids: list[SnapshotId], report: CheckReport, cancel: Cancel, progress: Progress
) -> None:
    progress.phase("check snapshots and trees", len(snapshot_ids))
    reachable = Reachable(repository.reader, repository.index)
    for snapshot_id, snapshot in repository.snapshots(snapshot_ids):
        cancel.check()
        report.snapshots += 1
        if isinstance(snapshot, DamagedData):
            report.damaged(snapshot)
            continue
        try:
            root = BlobId.parse(snapshot.tree)
        except DamagedData as error:
            report.damaged(error, f"snapshot {snapshot_id.short}: ")
            continue
        for what in reachable.add(root):
            report.damaged(what, f"snapshot {snapshot_id.short}: ")
        progress.advance()
    report.trees = reachable.trees


def _sample(packs: dict[PackId, int], fraction: float) -> dict[PackId, int]:
    if fraction >= 1 or not packs:
        return packs
    count = max(1, round(len(packs) * fraction))
    return {pack_id: packs[pack_id] for pack_id in random.sample(sorted(packs), count)}


def _read_packs(
    repository: Repository, report: CheckReport, packs: dict[PackId, int], cancel: Cancel, progress: Progress
) -> None:
    progress.phase("read packs", len(packs), sum(packs.values()))
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        for pack_id, faults in pool.map(lambda item: _read_pack(repository, item, cancel), packs.items()):
            for fault in faults:
                what = f"pack {pack_id.short}: {fault.what}"
                report.error(what, fault.why, _CHANGED.format(pack_id.hex()))
            report.packs_read += 1
            report.bytes_read += packs[pack_id]
            progress.advance(size=packs[pack_id])


def _read_pack(repository: Repository, pack: tuple[PackId, int], cancel: Cancel) -> tuple[PackId, list[DamagedData]]:
    cancel.check()
    pack_id, _ = pack
    try:
        content = repository.store.get(file_name(pack_id))
    except FileMissing:
        return pack_id, [DamagedData("it vanished while being checked", why="the store no longer has it")]
    return pack_id, list(_pack_faults(repository, pack_id, content))


def _pack_faults(repository: Repository, pack_id: PackId, content: bytes) -> Iterator[DamagedData]:
    if PackId.of(content) != pack_id:
        yield DamagedData("its content does not match its name", why="bytes were changed after it was written")
    view = memoryview(content)
    try:
        length = header_length(view[-LENGTH_SIZE:], len(content))
        blobs = decode_header(repository.key.open(view[-LENGTH_SIZE - length : -LENGTH_SIZE]))
    except DamagedData as error:
        yield error
        return
    end = 0
    for blob in blobs:
        end = blob.offset + blob.length
        try:
            open_blob(repository.key, blob.id, view[blob.offset : end], blob.plain_length)
            location = repository.index.find(blob.type, blob.id)
        except DamagedData as error:
            yield error
            continue
        if location.pack == pack_id and location.blob != blob:
            yield DamagedData(f"blob {blob.id.short} lies elsewhere than the index says", why="the index is wrong")
    if end != len(content) - LENGTH_SIZE - length:
        yield DamagedData("its header does not cover its content", why=f"{end} bytes of blobs are listed")
