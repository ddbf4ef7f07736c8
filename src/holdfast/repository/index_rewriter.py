"""Putting new index files in the place of old ones.

Safety order: new files are stored first, old ones are deleted when all of them are. A crash between any two steps leaves packs
that are listed twice, which harms nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing, HoldfastError
from holdfast.ids import IndexId, PackId
from holdfast.repository import sealed
from holdfast.repository.index_file import FULL_AT, IndexFile, decode_packs, save_index
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.pack import PackedBlob
from holdfast.repository.under_lock import save_under
from holdfast.store.base import Store


class IndexRewriter:
    """Takes packs with their blobs, and the ids of files that need not list them any more. Memory: one index file."""

    def __init__(self, store: Store, key: SealingKey, prove: Callable[[], None] | None) -> None:
        """`prove` raises if the lock under which this goes on is lost. Without it nothing is changed: for a dry run."""
        self._store = store
        self._key = key
        self._prove = prove
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
        if self._prove is not None:
            for index_id in self.replaced:
                self._remove(index_id, self._prove)

    def _save(self) -> None:
        if not self._packs:
            return
        if self._prove is not None:
            save_under(self._prove, self._store, lambda: save_index(self._store, self._key, self._packs))
        self.written += 1
        self._packs, self._blobs = [], 0

    def _remove(self, index_id: IndexId, prove: Callable[[], None]) -> None:
        """A process that was stopped just before may do this last thing long after its time: then it is mended."""
        with contextlib.suppress(FileMissing):  # somebody was faster
            content = self._store.get(file_name(index_id))
            prove()
            self._store.delete(file_name(index_id))
            try:
                prove()
            except HoldfastError:
                with contextlib.suppress(DamagedData):  # one that a repair replaces, perhaps
                    self._list_again(index_id, content)
                raise

    def _list_again(self, index_id: IndexId, content: bytes) -> None:
        listed = (parse_name(entry.name, PackId) for entry in self._store.list(Directory.PACKS.value))
        stored = {pack_id for pack_id in listed if pack_id is not None}
        removed = sealed.decode(self._key, content, IndexFile, file_name(index_id))
        packs = [(pack_id, blobs) for pack_id, blobs in decode_packs(removed) if pack_id in stored]
        if packs:
            save_index(self._store, self._key, packs)
