"""Getting blobs out of a repository: one, or many in the order in which they lie in their packs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeVar

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing, StoreRefused
from holdfast.ids import BlobId, PackId
from holdfast.repository.ahead import ahead
from holdfast.repository.blob import open_blob, open_blobs
from holdfast.repository.index import BlobLocation, Index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import Node, decode_nodes, decode_tree
from holdfast.store.base import Store

_LARGEST_GAP = 64 << 10
"""Bytes between two wanted blobs that are cheaper to read than another request."""

_LARGEST_READ = 8 << 20
_PARALLEL_READS = 4

_LARGEST_TREE_READ = 4 << 20
_OPENED_AT_ONCE = 1 << 20
"""Sealed bytes of trees, which become five times as much."""

Tag = TypeVar("Tag")


class SealedBlob(NamedTuple):
    body: memoryview
    plain_length: int  # as its pack's header holds it


_NOT_YET = SealedBlob(memoryview(b""), 0)


class BlobReader:
    """Reads blobs that the index knows. Thread-safe."""

    def __init__(self, store: Store, key: SealingKey, index: Callable[[], Index]) -> None:
        self._store = store
        self._key = key
        self._index = index

    def load(self, blob_type: BlobType, blob_id: BlobId) -> bytes:
        """A blob's content, from whichever of its copies is whole. Raises DamagedData if none is."""
        index = self._index()
        try:
            return self._load_from(index.find(blob_type, blob_id))
        except DamagedData:
            for location in index.copies(blob_type, blob_id):
                with contextlib.suppress(DamagedData):
                    return self._load_from(location)
            raise

    def _load_from(self, location: BlobLocation) -> bytes:
        blob = location.blob
        sealed = self._read(location.pack, blob.offset, blob.length)
        return open_blob(self._key, blob.id, sealed, blob.plain_length)

    def content_size(self, blob_type: BlobType, blob_id: BlobId) -> int:
        """Bytes of a blob's content, from the index. Raises DamagedData if it is not listed."""
        return self.locate(blob_type, blob_id).blob.content_size

    def load_tree(self, tree_id: BlobId) -> list[Node]:
        """The nodes of a directory. Raises DamagedData."""
        return decode_tree(self.load(BlobType.TREE, tree_id))

    def iter_tree(self, tree_id: BlobId) -> Iterator[Node]:
        """The same one by one. Raises DamagedData at once or after some nodes."""
        return decode_nodes(self.load(BlobType.TREE, tree_id))

    def load_file(self, content: Iterable[BlobId]) -> bytes:
        """A whole file from its blobs; for small files only, since it is held in memory."""
        return b"".join(self.iter_file(content))

    def load_trees(
        self, tree_ids: Iterable[BlobId], *, reading: Executor, opening: Executor
    ) -> Iterator[tuple[BlobId, bytes | DamagedData]]:
        """Many trees in the order in which they lie in their packs, neighbours read together; a lost one as its error.

        Memory: five reads of at most 4 MiB, and the trees in three parts of 1 MiB of them.
        """
        located: list[tuple[BlobLocation, BlobId]] = []
        for tree_id in tree_ids:
            try:
                located.append((self.locate(BlobType.TREE, tree_id), tree_id))
            except DamagedData as error:
                yield tree_id, error
        ranges = list(_ranges(located, _LARGEST_TREE_READ))
        reads = ahead(reading, lambda part: self._try_read(*part[:3]), ranges, _PARALLEL_READS)
        for (_, start, _, run), read in zip(ranges, reads, strict=True):
            if isinstance(read, DamagedData):
                yield from ((tree_id, self._try_load(BlobType.TREE, tree_id)) for _, tree_id in run)
            else:
                yield from self._open_trees(run, memoryview(read), start, opening)

    def _open_trees(
        self, run: list[tuple[BlobLocation, BlobId]], read: memoryview, start: int, opening: Executor
    ) -> Iterator[tuple[BlobId, bytes | DamagedData]]:
        sealed = [
            (blob.id, read[blob.offset - start : blob.offset - start + blob.length], blob.plain_length)
            for (_, blob), _ in run
        ]
        parts = list(_parts_of_size(sealed, _OPENED_AT_ONCE))
        for part, contents in zip(parts, ahead(opening, partial(open_blobs, self._key), parts, 2), strict=True):
            for (tree_id, *_), content in zip(part, contents, strict=True):
                # One that is damaged here may have a copy.
                whole = self._try_load(BlobType.TREE, tree_id) if isinstance(content, DamagedData) else content
                yield tree_id, whole

    def locate(self, blob_type: BlobType, blob_id: BlobId) -> BlobLocation:
        """Where a blob lies. Raises DamagedData if no index lists it."""
        return self._index().find(blob_type, blob_id)

    def read_sealed_run(self, run: Sequence[BlobLocation]) -> memoryview | None:
        """Blobs that lie side by side in one pack, as it holds them; None if they cannot be read together."""
        start, last = run[0].blob.offset, run[-1].blob
        read = self._try_read(run[0].pack, start, last.offset + last.length - start)
        return None if isinstance(read, DamagedData) else memoryview(read)

    def read_sealed_many(self, blob_ids: Iterable[BlobId]) -> list[SealedBlob | DamagedData]:
        """Small data blobs as their packs hold them, in their order; neighbours in a pack are read together."""
        found: list[SealedBlob | DamagedData] = []
        located: list[tuple[BlobLocation, int]] = []
        for place, blob_id in enumerate(blob_ids):
            try:
                located.append((self.locate(BlobType.DATA, blob_id), place))
            except DamagedData as error:
                found.append(error)
            else:
                found.append(_NOT_YET)
        for pack, start, length, run in _ranges(located, _LARGEST_READ):
            read = self._try_read(pack, start, length)
            for (_, blob), place in run:
                if isinstance(read, DamagedData):
                    found[place] = read
                else:
                    body = memoryview(read)[blob.offset - start : blob.offset - start + blob.length]
                    found[place] = SealedBlob(body, blob.plain_length)
        return found

    def iter_file(self, content: Iterable[BlobId]) -> Iterator[bytes]:
        """The same blob by blob, for files of any length. Raises DamagedData at the first blob that is lost.

        Memory: up to 5 blobs, which are read ahead.
        """
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="holdfast-read") as pool:
            yield from ahead(pool, partial(self.load, BlobType.DATA), content, _PARALLEL_READS)

    def load_many(self, wanted: Iterable[tuple[BlobId, Tag]]) -> Iterator[tuple[Tag, bytes | DamagedData]]:
        """Data blobs with the caller's tag for each, in whatever order is cheapest to read.

        A lost or damaged blob comes as its error, so that one damaged pack costs only what is in it.
        Memory: the requests, and up to 4 reads of 8 MiB.
        """
        located: list[tuple[BlobLocation, Tag]] = []
        for blob_id, tag in wanted:
            try:
                located.append((self.locate(BlobType.DATA, blob_id), tag))
            except DamagedData as error:
                yield tag, error
        ranges = list(_ranges(located, _LARGEST_READ))
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="holdfast-read") as pool:
            waiting = []
            for number, part in enumerate(ranges):
                waiting.append((part, pool.submit(self._try_read, *part[:3])))
                if number >= _PARALLEL_READS - 1:
                    ready, future = waiting.pop(0)
                    yield from self._open_range(ready, future.result())
            for ready, future in waiting:
                yield from self._open_range(ready, future.result())

    def _try_read(self, pack: PackId, offset: int, length: int) -> bytes | DamagedData:
        try:
            return self._read(pack, offset, length)
        except DamagedData as error:
            return error

    def _open_range(
        self, part: tuple[PackId, int, int, list[tuple[BlobLocation, Tag]]], read: bytes | DamagedData
    ) -> Iterator[tuple[Tag, bytes | DamagedData]]:
        start = part[1]
        for (_, blob), tag in part[3]:
            try:
                if isinstance(read, DamagedData):
                    raise read
                sealed = memoryview(read)[blob.offset - start : blob.offset - start + blob.length]
                content = open_blob(self._key, blob.id, sealed, blob.plain_length)
            except DamagedData:
                # Alone: its neighbours' damage, or its own, may not concern a copy.
                yield tag, self._try_load(BlobType.DATA, blob.id)
            else:
                yield tag, content

    def _try_load(self, blob_type: BlobType, blob_id: BlobId) -> bytes | DamagedData:
        try:
            return self.load(blob_type, blob_id)
        except DamagedData as error:
            return error

    def _read(self, pack: PackId, offset: int, length: int) -> bytes:
        try:
            return self._store.get_range(file_name(pack), offset, length)
        except FileMissing as error:
            raise DamagedData(f"pack {pack.short} is missing", why="its file was removed from the store") from error
        except StoreRefused as error:
            # Either the file is shorter than the index says, or the store refuses us; asking the size tells which.
            if self._store.size(file_name(pack)) < offset + length:
                raise DamagedData(f"pack {pack.short} is damaged", why="its file was cut short") from error
            raise


Range = tuple[PackId, int, int, list[tuple[BlobLocation, Tag]]]
"""Pack, offset, length, and the blobs in there."""


def _ranges(located: list[tuple[BlobLocation, Tag]], largest: int) -> Iterator[Range[Tag]]:
    """What is worth one request each, in the order of packs and offsets."""
    located.sort(key=lambda item: (item[0].pack, item[0].blob.offset))
    for pack, group in groupby(located, key=lambda item: item[0].pack):
        yield from _split(pack, list(group), largest)


def _split(pack: PackId, located: list[tuple[BlobLocation, Tag]], largest: int) -> Iterator[Range[Tag]]:
    """Neighbours in one pack together."""
    start = end = located[0][0].blob.offset
    run: list[tuple[BlobLocation, Tag]] = []
    for item in located:
        blob = item[0].blob
        blob_end = blob.offset + blob.length
        if run and (blob.offset - end > _LARGEST_GAP or blob_end - start > largest):
            yield pack, start, end - start, run
            start, run = blob.offset, []
        run.append(item)
        end = max(end, blob_end) if len(run) > 1 else blob_end
    yield pack, start, end - start, run


SealedTree = tuple[BlobId, memoryview, int]


def _parts_of_size(sealed: list[SealedTree], size: int) -> Iterator[list[SealedTree]]:
    """Lists of about as many bytes."""
    part: list[SealedTree] = []
    length = 0
    for one in sealed:
        part.append(one)
        length += len(one[1])
        if length >= size:
            yield part
            part, length = [], 0
    if part:
        yield part
