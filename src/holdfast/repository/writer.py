"""Putting blobs into a repository.

Safety order: packs, then the index that lists them, then the snapshot that refers to them. A crash between any two leaves
only files that nothing refers to. An index that is written early (when a file of it is full, or at a checkpoint) lists packs that
are stored whole, and nothing refers to its blobs yet. The lock is confirmed before the first file is written and proved around
each index.
After any failure nothing is published: other callers may hold ids of blobs that went down with it.

Blobs are hashed, compressed, sealed and proved in the caller's thread (the kernels release the GIL, so callers may be many);
finished packs are uploaded by a small pool with a bound, so memory holds at most the open packs and UPLOADS more.
"""

from __future__ import annotations

import mmap
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from holdfast.codec.crypto import SealingKey
from holdfast.errors import HoldfastError, StoreError
from holdfast.ids import BlobId, PackId
from holdfast.repository.blob import Content, Sealed, compress_blob, compress_parts, seal_blob
from holdfast.repository.index import FULL_AT, Index, save_index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob, content_bytes, encode_header
from holdfast.repository.under_lock import save_under
from holdfast.store.base import Store

PACK_SIZE = {BlobType.DATA: 8 << 20, BlobType.TREE: 4 << 20}
"""Bytes at which a pack is closed: half of restic's, since packs wait in memory. Trees are read more often and one by one."""

UPLOADS = 2


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """When a writer lists what it has stored before its end, so that a run that is killed then finds it when it is repeated.

    What nothing refers to yet may be pruned meanwhile, as always; `Index.has` says no then, and it is stored again.
    """

    seconds: float = 60.0  # after the first pack that no index lists
    size: int = 256 << 20  # bytes of such packs


_FIRST_MEMORY = 64 << 10  # bytes; doubled as a pack grows
_LARGEST_KEPT = 32 << 20


@dataclass(slots=True)
class WriterStats:
    """What was new. Bytes of content, and bytes as stored in packs."""

    data_blobs: int = 0
    tree_blobs: int = 0
    content_bytes: int = 0
    stored_bytes: int = 0

    def add(self, blob_type: BlobType, count: int, content: int, stored: int) -> None:
        if blob_type is BlobType.DATA:
            self.data_blobs += count
        else:
            self.tree_blobs += count
        self.content_bytes += content
        self.stored_bytes += stored


class _OpenPack:
    """A pack that is being filled, in memory that it is lent.

    From malloc it would not come: what is freed there stays with the thread that asked for it, a pack or more in each.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self.blobs: list[PackedBlob] = []
        self.size = 0
        self.memory = memory

    def add(self, blob_type: BlobType, sealed: Sealed) -> None:
        self.blobs.append(PackedBlob(blob_type, sealed.id, self.size, len(sealed.body), sealed.plain_length))
        self.append(sealed.body)

    def append(self, part: bytes | memoryview) -> None:
        end = self.size + len(part)
        if end > len(self.memory):
            self.memory.resize(max(2 * len(self.memory), end))
        self.memory[self.size : end] = part
        self.size = end

    @contextmanager
    def content(self) -> Iterator[memoryview]:
        """All bytes, for the length of the block."""
        with memoryview(self.memory) as whole, whole[: self.size] as content:
            yield content


class _PackMemory:
    """Lends memory for packs and takes it back: pages that were used once cost a third less than new ones. Thread-safe."""

    def __init__(self, spare: int) -> None:
        """`spare`: how many packs' memory is kept for the next ones."""
        self._spare = spare
        self._kept: deque[mmap.mmap] = deque()

    def open_pack(self) -> _OpenPack:
        try:
            return _OpenPack(self._kept.pop())
        except IndexError:
            return _OpenPack(mmap.mmap(-1, _FIRST_MEMORY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def take_back(self, pack: _OpenPack) -> None:
        if len(self._kept) < self._spare and len(pack.memory) <= _LARGEST_KEPT:
            self._kept.append(pack.memory)
        else:
            pack.memory.close()


class BlobWriter:
    """Adds blobs that `index` does not know. Thread-safe; `flush` once at the end.

    The index learns of blobs only when an index file lists them: another writer, perhaps one that reports the failure of
    this one, must not count on packs that were never indexed.
    """

    def __init__(
        self,
        store: Store,
        key: SealingKey,
        index: Index,
        *,
        before_first_write: Callable[[], None],
        prove: Callable[[], None],
        checkpoints: Checkpoints | None = None,
    ) -> None:
        """`before_first_write` is told of the first pack; `prove` raises if packs may be gone and must not be listed.

        Without `checkpoints` the index is written at the end, and whenever an index file would be full.
        """
        self._store = store
        self._key = key
        self._index = index
        self._before_first_write = before_first_write
        self._prove = prove
        self._guard = threading.Lock()
        self._memory = _PackMemory(spare=1)  # the rest goes back to the system: most writers fill a few packs only
        self._open = {blob_type: self._memory.open_pack() for blob_type in BlobType}
        self._on_the_way: dict[BlobType, set[BlobId]] = {blob_type: set() for blob_type in BlobType}
        self._unindexed: list[tuple[PackId, list[PackedBlob]]] = []
        self._unindexed_size = 0  # bytes of these packs
        self._unindexed_since = 0.0  # `time.monotonic` when the first of them was stored
        self._checkpoints = checkpoints
        self._pool = ThreadPoolExecutor(UPLOADS, thread_name_prefix="holdfast-upload")
        self._slots = threading.Semaphore(UPLOADS)
        self._uploads: list[Future[None]] = []
        self._failure: BaseException | None = None
        self.stats = WriterStats()

    def save(self, blob_type: BlobType, content: Content) -> BlobId:
        """Stores the content unless the repository has it; returns its id. The content is safe only after `flush`."""
        with self._failing():
            blob_id = BlobId.of(content)
            if self.claim(blob_type, [blob_id])[0]:
                # restic takes an uncompressed tree for one of format version 1 and rewrites it.
                blob = compress_blob(blob_id, content, always=blob_type is BlobType.TREE)
                self.add(blob_type, [seal_blob(self._key, blob)])
            return blob_id

    def save_parts(self, blob_type: BlobType, parts: Iterable[bytes]) -> BlobId:
        """The same for content that comes in parts, none empty, and may be large: it is never in memory as a whole."""
        with self._failing():
            blob = compress_parts(parts)
            if self.claim(blob_type, [blob.id])[0]:
                self.add(blob_type, [seal_blob(self._key, blob)])
            return blob.id

    def claim(self, blob_type: BlobType, ids: Iterable[BlobId]) -> list[bool]:
        """For each blob whether nobody has it. Such a one is the caller's from then on, who must `add` it or give the run up."""
        claimed = []
        with self._guard:
            on_the_way, is_known = self._on_the_way[blob_type], self._index.has
            for blob_id in ids:
                is_new = blob_id not in on_the_way and not is_known(blob_type, blob_id)
                if is_new:
                    on_the_way.add(blob_id)
                claimed.append(is_new)
        return claimed

    def add(self, blob_type: BlobType, blobs: Iterable[Sealed]) -> None:
        """Puts blobs that were claimed, and sealed elsewhere, into packs; blocks while too many packs wait for their upload."""
        with self._failing():
            full: list[_OpenPack] = []
            with self._guard:
                pack = self._open[blob_type]
                count = content = stored = 0
                for sealed in blobs:
                    length = len(sealed.body)
                    pack.add(blob_type, sealed)
                    count, stored = count + 1, stored + length
                    content += content_bytes(length, sealed.plain_length)
                    if pack.size >= PACK_SIZE[blob_type]:
                        full.append(pack)
                        pack = self._open[blob_type] = self._memory.open_pack()
                self.stats.add(blob_type, count, content, stored)
            for pack in full:
                self._upload(pack)

    def has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        """Whether the blob is stored, or on its way with the rest."""
        with self._guard:
            return self._has(blob_type, blob_id)

    def _has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        return self._index.has(blob_type, blob_id) or blob_id in self._on_the_way[blob_type]

    def flush(self) -> None:
        """Writes what is left, waits for all packs, then writes the index. After it, snapshots may be saved."""
        with self._failing():
            for blob_type in BlobType:
                with self._guard:
                    pack, self._open[blob_type] = self._open[blob_type], self._memory.open_pack()
                if pack.blobs:
                    self._upload(pack)
            with self._guard:
                uploads, self._uploads = self._uploads, []
            for upload in uploads:
                upload.result()
        with self._failing():  # anew: an upload may have failed since
            self._save_index()

    def look_in(self, index: Index) -> None:
        """After a `flush`: from now on an index that is newer, because others have stored blobs meanwhile."""
        with self._guard:
            assert not self._unindexed
            assert not any(self._on_the_way.values())
            self._index = index

    def close(self) -> None:
        """Ends the threads. Without a `flush` before, what was not yet indexed is left as rubbish for prune; with checkpoints
        the packs that are stored are indexed all the same, unless the store itself gave way.
        """
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._checkpoints is not None and not isinstance(self._failure, StoreError):
            with suppress(HoldfastError):  # whatever ended the run is the error to tell
                self._save_index()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raises what broke this writer before, and remembers what breaks it now."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except BaseException as error:
            self._failure = error
            raise

    def _upload(self, pack: _OpenPack) -> None:
        """Hands a pack to the pool; blocks while all slots are taken."""
        self._before_first_write()
        self._slots.acquire()
        try:
            upload = self._pool.submit(self._store_pack, pack)
        except BaseException:
            self._slots.release()
            raise
        with self._guard:
            self._uploads = [*(one for one in self._uploads if not one.done()), upload]

    def _store_pack(self, pack: _OpenPack) -> None:
        try:
            with self._failing():
                self._put_pack(pack)
        finally:
            self._slots.release()

    def _put_pack(self, pack: _OpenPack) -> None:
        pack.append(encode_header(self._key, pack.blobs))
        with pack.content() as content:
            pack_id = PackId.of(content)
            self._store.put(file_name(pack_id), [content])
            size = len(content)
        self._memory.take_back(pack)
        with self._guard:
            if not self._unindexed:
                self._unindexed_size, self._unindexed_since = 0, time.monotonic()
            self._unindexed.append((pack_id, pack.blobs))
            self._unindexed_size += size
            index_is_due = self._is_index_due()
        if index_is_due:  # of packs that are stored, and only of these: snapshots come after all of it
            self._save_index()

    def _is_index_due(self) -> bool:
        if sum(len(blobs) for _, blobs in self._unindexed) >= FULL_AT:
            return True
        return self._checkpoints is not None and (
            self._unindexed_size >= self._checkpoints.size
            or time.monotonic() - self._unindexed_since >= self._checkpoints.seconds
        )

    def _save_index(self) -> None:
        with self._guard:
            packs, self._unindexed = self._unindexed, []
        if not packs:
            return
        index_id = save_under(self._prove, self._store, lambda: save_index(self._store, self._key, packs))
        self._index.add_file(index_id, packs)  # before the ids leave the set: a blob is always in one of the two
        with self._guard:
            for _, blobs in packs:
                self._on_the_way[blobs[0].type].difference_update(blob.id for blob in blobs)
