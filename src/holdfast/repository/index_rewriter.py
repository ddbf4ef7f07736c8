"""Putting new index files in the place of old ones.

Safety order: new files are stored first, old ones are deleted when all of them are. A crash between any two steps leaves packs
that are listed twice, which harms nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.codec.crypto import SealingKey
from holdfast.ids import IndexId, PackId
from holdfast.repository.index_file import FULL_AT, save_index
from holdfast.repository.layout import file_name
from holdfast.repository.lock import Lock
from holdfast.repository.pack import PackedBlob
from holdfast.store.base import Store


class IndexRewriter:
    """Takes packs with their blobs, and the ids of files that need not list them any more. Memory: one index file."""

    def __init__(self, store: Store, key: SealingKey, lock: Lock | None) -> None:
        """Without a lock nothing is changed: for a dry run."""
        self._store = store
        self._key = key
        self._lock = lock
        self._packs: list[tuple[PackId, Sequence[PackedBlob]]] = []
        self._blobs = 0
        self.replaced: list[IndexId] = []
        self.written = 0  # index files

    def add(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> None:
        """Lists a pack, with all its blobs."""
        self._packs.append((pack_id, blobs))
        self._blobs += len(blobs)
        if self._blobs >= FULL_AT:
            self._save()

    def replace(self, index_id: IndexId) -> None:
        """Deletes a file at the end; what is still wanted of it is given to `add`."""
        self.replaced.append(index_id)

    def finish(self) -> None:
        """Stores what is left, then deletes what was replaced. Raises LockLost."""
        self._save()
        for index_id in self.replaced:
            if self._lock is not None:
                self._lock.check()
                self._store.delete(file_name(index_id))

    def _save(self) -> None:
        if not self._packs:
            return
        if self._lock is not None:
            self._lock.check()
            save_index(self._store, self._key, self._packs)
        self.written += 1
        self._packs, self._blobs = [], 0
