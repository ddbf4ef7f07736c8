"""Making a snapshot visible, and never one whose data is gone.

A lock keeps what its holder relies on. But a process can be stopped for longer than its lock lives, a clock can jump, a lock
can be removed by hand. So before a snapshot is stored its writer looks again, and after it whether it still had its lock: if
not, a prune may have looked for snapshots before this one was there.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, LockLost
from holdfast.ids import BlobId, SnapshotId
from holdfast.repository import sealed
from holdfast.repository.index import Index
from holdfast.repository.index_file import list_index_files
from holdfast.repository.lock import Lock
from holdfast.repository.reachable import Reachable
from holdfast.repository.reader import BlobReader
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.under_lock import save_under
from holdfast.store.base import Store


class Publisher:
    """Stores the snapshots of one repository. `index` is what writers have relied on, `reread` loads it anew."""

    def __init__(
        self,
        store: Store,
        key: SealingKey,
        reader: BlobReader,
        *,
        index: Callable[[], Index],
        reread: Callable[[], Index],
    ) -> None:
        self._store = store
        self._key = key
        self._reader = reader
        self._index = index
        self._reread = reread

    def publish(self, snapshot: Snapshot, lock: Lock) -> SnapshotId:
        """Raises LockLost, with no snapshot left unless the store refuses to remove it, if the lock is lost or data that the
        snapshot needs is gone.
        """

        def prove() -> None:
            lock.prove()
            self._look_again(snapshot)

        return save_under(prove, self._store, lambda: sealed.save(self._store, self._key, snapshot, SnapshotId))

    def _look_again(self, snapshot: Snapshot) -> None:
        """Nothing is taken out of the index but by removing index files: while all are there that were read, all is there."""
        index = self._index()
        if not index.files - index.mark_files <= set(list_index_files(self._store)):
            self._prove(snapshot)

    def _prove(self, snapshot: Snapshot) -> None:
        """Looks up all that the snapshot needs in the index as it is now."""
        reachable = Reachable(self._reader, self._reread())
        for fault in reachable.add(BlobId.parse(snapshot.tree)):
            raise LockLost(
                "the snapshot is not published: data that it needs was removed while this run went on",
                why=str(fault),
                next="Run the command again; it stores what is missing. Locks protect data as long as nobody removes them.",
            ) from DamagedData(str(fault))
