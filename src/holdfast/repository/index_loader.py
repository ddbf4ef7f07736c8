"""Loading the index: from segments of the local cache what they cover, from the store the rest, which becomes segments too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import IndexId
from holdfast.repository.index import Index
from holdfast.repository.index_cache import RepositoryCache
from holdfast.repository.index_file import (
    IndexFile,
    decode_marks,
    decode_packs,
    list_index_files,
    load_index_files,
    of_file,
)
from holdfast.repository.index_segment import Segment, SegmentDamaged
from holdfast.repository.index_segment_builder import SegmentBuilder
from holdfast.store.base import Store

_WORTH_A_SEGMENT = 50_000
"""Blobs; fewer are decoded in 70 ms each time, and need 10 MB."""

_FILES_WORTH_A_SEGMENT = 32
"""Index files; each costs a request, whatever is in it."""

_GROWTH = 4
"""A segment is merged with newer ones as soon as it has no more than so many times their blobs. So there are few segments –
each is four times as large as all that are smaller – and each blob is written anew a few times only, as the index grows.
"""

_MOST_TRIES = 5
"""Times that files may vanish while they are read before what is left is taken for all."""

_MOST_REBUILDS = 3
"""Segments that may turn out to be damaged in one run before it trusts this machine's disk no more."""


def load_index(
    store: Store, key: SealingKey, cache: RepositoryCache | None = None, *, trust_cache: bool = True
) -> Index:
    """The whole index. Files that are damaged go to `faults`.

    Without `trust_cache` every index file is read, and the cache made anew.
    """
    loader = _Loader(store, key, cache)
    for _ in range(_MOST_TRIES):
        index = loader.load(trust_cache=trust_cache)
        if not loader.vanished:
            break
        # A prune puts new index files in the place of others. What it took away, and says in one that was not there
        # yet, must not be missed: its marks in particular.
    return index


def add_new_files(index: Index, store: Store, key: SealingKey) -> None:
    """Adds what index files say that came since the index was loaded. What others said, perhaps gone by now, stays."""
    for index_id, loaded in load_index_files(store, key, set(list_index_files(store)) - index.files):
        _add_to_memory(index, index_id, loaded)
        index.files.add(index_id)


class _Loader:
    def __init__(self, store: Store, key: SealingKey, cache: RepositoryCache | None) -> None:
        self._store = store
        self._key = key
        self._cache = cache
        self._rebuilds = 0
        self.vanished: set[IndexId] = set()  # files that the last `load` could not find any more

    def load(self, *, trust_cache: bool) -> Index:
        # Before the store is listed: a segment made since then covers index files that the listing does not have, and
        # would look as if those had been removed.
        cached = self._cache.segments() if self._cache is not None else []
        listed = list_index_files(self._store)
        segments, rest = self._usable(cached if trust_cache else [], listed)
        index = Index(segments, self._reload, self._settle)
        index.files.update(listed)
        self.vanished = set(rest)
        fresh = self._read(rest, index)
        if self._cache is None:
            return index
        segments += fresh
        if not trust_cache:
            for segment in cached:
                if segment.path not in {one.path for one in segments}:
                    self._cache.discard(segment)
        if fresh:
            segments = self._merged(segments)
            index.use_segments(segments)
        return index

    def _usable(self, cached: Iterable[Segment], listed: Sequence[IndexId]) -> tuple[list[Segment], list[IndexId]]:
        """Segments that hold nothing else than what is listed, no index file in two of them; and the index files left.

        A segment with an index file that is gone cannot be used for the others in it: what that one said may be wrong now,
        a prune moved its blobs.
        """
        segments, rest = [], set(listed)
        for segment in cached:
            if segment.covered and segment.covered <= rest:
                segments.append(segment)
                rest -= segment.covered
            elif self._cache is not None:
                self._cache.discard(segment)
        return segments, [index_id for index_id in listed if index_id in rest]

    def _read(self, index_ids: Iterable[IndexId], index: Index) -> list[Segment]:
        """Index files into a new segment, or into the index itself if they are few or there is no cache."""
        if self._cache is not None:
            try:
                return self._read_into_segment(self._cache, index_ids, index)
            except OSError as error:
                self._give_up(error)
        for index_id, loaded in load_index_files(self._store, self._key, index_ids):
            self.vanished.discard(index_id)
            _add_to_memory(index, index_id, loaded)
        return []

    def _read_into_segment(self, cache: RepositoryCache, index_ids: Iterable[IndexId], index: Index) -> list[Segment]:
        """Raises OSError, with nothing added to the index, if the cache cannot be written."""
        few: list[tuple[IndexId, IndexFile]] = []
        marked: list[tuple[IndexId, IndexFile]] = []
        faults: list[DamagedData] = []
        builder: SegmentBuilder | None = None
        with ExitStack() as building:
            for index_id, loaded in load_index_files(self._store, self._key, index_ids):
                self.vanished.discard(index_id)
                if isinstance(loaded, DamagedData):
                    faults.append(loaded)
                    continue
                if loaded.marks:
                    marked.append((index_id, loaded))  # segments have no place for marks: read each time
                    continue
                few.append((index_id, loaded))
                if builder is None and _is_worth_a_segment(few):
                    builder = building.enter_context(cache.builder())
                if builder is not None:
                    faults += _pour(few, builder)
            segments = [builder.finish()] if builder is not None and builder.covered else []
        index.faults += faults
        for index_id, loaded in (*few, *marked):
            _add_to_memory(index, index_id, loaded)
        return segments

    def _merged(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments, the smaller ones made one as `_GROWTH` says."""
        assert self._cache is not None
        ordered = sorted(segments, key=lambda segment: -segment.blob_count)
        keep, total = len(ordered) - 1, ordered[-1].blob_count
        while keep > 0 and ordered[keep - 1].blob_count <= _GROWTH * total:
            keep -= 1
            total += ordered[keep].blob_count
        small = ordered[keep:]
        if len(small) == 1:
            return ordered
        try:
            with self._cache.builder() as builder:
                for segment in small:
                    builder.absorb(segment)
                merged = builder.finish()
        except OSError as error:
            self._give_up(error)
            return ordered
        except SegmentDamaged:
            return ordered  # whoever looks up something there meets it, and it is made anew
        for segment in small:
            self._cache.discard(segment)
        return [*ordered[:keep], merged]

    def _settle(self, index_ids: Sequence[IndexId], segments: Sequence[Segment]) -> list[Segment] | None:
        """Segments with what these index files say, read back from the store; None if the cache does not take them."""
        if self._cache is None:
            return None
        try:
            fresh = self._read_into_segment(self._cache, index_ids, Index())
        except OSError as error:
            self._give_up(error)
            return None
        if frozenset(index_ids) != frozenset().union(*(segment.covered for segment in fresh)):
            return None  # one of them cannot be read back: better to keep them all
        return self._merged([*segments, *fresh])

    def _reload(self, damaged: Segment, index: Index) -> list[Segment]:
        """What the index files of a damaged segment say, read again."""
        if self._cache is not None:
            self._cache.discard(damaged)
            self._rebuilds += 1
            if self._rebuilds > _MOST_REBUILDS:
                self._cache = None
        return self._read(sorted(damaged.covered), index)

    def _give_up(self, error: OSError) -> None:
        if self._cache is not None:
            self._cache.failed(error)
        self._cache = None


def _is_worth_a_segment(files: Sequence[tuple[IndexId, IndexFile]]) -> bool:
    blobs = sum(index_file.blob_count() for _, index_file in files)
    return blobs >= _WORTH_A_SEGMENT or len(files) >= _FILES_WORTH_A_SEGMENT


def _pour(files: list[tuple[IndexId, IndexFile]], builder: SegmentBuilder) -> list[DamagedData]:
    """Empties `files` into the builder; returns what is wrong in them."""
    faults = []
    for index_id, index_file in files:
        try:
            builder.add(index_id, index_file)
        except DamagedData as error:
            faults.append(of_file(index_id, error))
    files.clear()
    return faults


def _add_to_memory(index: Index, index_id: IndexId, loaded: IndexFile | DamagedData) -> None:
    try:
        if isinstance(loaded, DamagedData):
            index.faults.append(loaded)
            return
        for pack_id, blobs in list(decode_packs(loaded)):
            index.add_pack(pack_id, blobs)
        index.add_marks(list(decode_marks(loaded)))
        if loaded.marks and not loaded.packs:
            index.mark_files.add(index_id)
    except DamagedData as error:
        index.faults.append(of_file(index_id, error))
