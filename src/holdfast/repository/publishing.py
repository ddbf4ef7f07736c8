"""Making a snapshot visible, and never one whose data is gone.

A lock keeps what its holder relies on. But a process can be stopped for longer than its lock lives, a clock can jump, a lock
can be removed by hand. So a snapshot's writer looks again whether all is there, before the snapshot is stored and after it. A
sweep does the reverse: it takes index files away, then looks for new snapshots, and only then removes packs. Whatever their
order, one of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, HoldfastError, LockLost, StoreError
from holdfast.ids import BlobId, SnapshotId
from holdfast.repository import sealed
from holdfast.repository.index import Index
from holdfast.repository.index_file import list_index_files
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.reachable import Reachable
from holdfast.repository.reader import BlobReader
from holdfast.repository.snapshot import Snapshot
from holdfast.store.base import Store


class Publisher:
    """Stores the snapshots of one repository."""

    def __init__(
        self,
        store: Store,
        key: SealingKey,
        reader: BlobReader,
        *,
        relied_on: Callable[[Lock], Sequence[Index]],
        reread: Callable[[], Index],
    ) -> None:
        """`relied_on` gives what the writers under a lock looked things up in, `reread` loads the index anew."""
        self._store = store
        self._key = key
        self._reader = reader
        self._relied_on = relied_on
        self._reread = reread

    def publish(self, snapshot: Snapshot, lock: Lock) -> SnapshotId:
        """Raises LockLost, with no snapshot left unless the store refuses to remove it, if the lock is lost or data that the
        snapshot needs is gone.
        """
        lock.check()
        relied_on = self._look_again(snapshot, self._relied_on(lock))
        snapshot_id = sealed.save(self._store, self._key, snapshot, SnapshotId)
        try:
            lock.check()
            self._look_again(snapshot, relied_on)
        except HoldfastError:
            self._take_back(snapshot_id)
            raise
        return snapshot_id

    def _take_back(self, snapshot_id: SnapshotId) -> None:
        try:
            self._store.delete(file_name(snapshot_id))
        except StoreError as error:  # credentials that may not delete, perhaps
            raise LockLost(
                f"snapshot {snapshot_id.short} is in the repository, and data that it needs may not be",
                why=f"its run could not make sure at the end, and could not remove it either: {error.what}",
                next="Run `holdfast repository check`. If it names the snapshot, delete that, and run this command again.",
            ) from error

    def _look_again(self, snapshot: Snapshot, relied_on: Sequence[Index]) -> Sequence[Index]:
        """The same if it still holds, else the index of now, after all that the snapshot needs was found in it.

        Nothing is taken out of the index but by removing index files: while all are there that were read, all is there.
        """
        listed = set(list_index_files(self._store))
        if all(index.files - index.mark_files <= listed for index in relied_on):
            return relied_on
        fresh = self._reread()
        for fault in Reachable(self._reader, fresh).add(BlobId.parse(snapshot.tree)):
            raise LockLost(
                "the snapshot is not published: data that it needs was removed while this run went on",
                why=str(fault),
                next="Run the command again; it stores what is missing. Locks protect data as long as nobody removes them.",
            ) from DamagedData(str(fault))
        return [fresh]
