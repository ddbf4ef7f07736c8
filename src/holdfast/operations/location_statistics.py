"""How much a repository holds, found out in a few seconds whatever its size."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

from holdfast.errors import DamagedData, StoreUnavailable
from holdfast.ids import SnapshotId
from holdfast.model.tags import Tags
from holdfast.operations.catalog import Entry
from holdfast.operations.deadline import within
from holdfast.repository.layout import Directory
from holdfast.repository.repository import Repository, open_repository
from holdfast.store.base import Store


class Statistics(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    backups: int | None  # None if there are too many to count in a short time
    snapshots: int
    stored_bytes: int


class Place(Protocol):
    """Opens what is asked about. Each raises StoreRefused or UsageError for what makes no sense before anything is asked."""

    @property
    def url(self) -> str: ...

    def store(self) -> Store: ...

    def password(self) -> str: ...


_BATCH = 64
_PATIENCE = 3.0  # seconds for reading snapshots
_SAMPLE = f"{Directory.PACKS}/00"
_SHARES = 256  # packs are spread evenly over as many directories
_LISTED_WHOLE = 64  # packs in the sample: 16 lists of 1,000 names for all


def read_statistics(place: Place, *, patience: float) -> Statistics:
    """Raises what opening a repository raises; StoreUnavailable if it takes longer than `patience` seconds."""
    found: list[Statistics] = []

    def read() -> None:
        with open_repository(place.store(), place.password()) as repository:
            size, _ = stored_bytes(repository.store)
            found.append(
                Statistics(
                    id=repository.config.id,
                    backups=count_backups(repository),
                    snapshots=count_snapshots(repository),
                    stored_bytes=size,
                )
            )

    if not within(patience, read):
        raise StoreUnavailable(f"{place.url} cannot be looked into", why=f"it did not answer within {patience:g} s")
    return found[0]


def count_snapshots(repository: Repository) -> int:
    return len(repository.snapshot_ids())


def count_backups(repository: Repository) -> int | None:
    """Snapshots that are backups, for which all must be read. None if that takes too long."""
    began = time.monotonic()
    count = 0
    for batch in _batches(repository.snapshot_ids()):
        if time.monotonic() - began > _PATIENCE:
            return None
        for snapshot_id, snapshot in repository.snapshots(batch):
            if not isinstance(snapshot, DamagedData):
                count += Entry(snapshot_id, snapshot, Tags.parse(snapshot.tags)).is_backup
    return count


def stored_bytes(store: Store) -> tuple[int, bool]:
    """Bytes of all packs, and whether they are exact: in a large repository one directory stands for the others."""
    sample = [entry.size for entry in store.list(_SAMPLE)]
    if len(sample) > _LISTED_WHOLE:
        return sum(sample) * _SHARES, False
    return sum(entry.size for entry in store.list(Directory.PACKS)), True


def _batches(ids: list[SnapshotId]) -> list[list[SnapshotId]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
