"""Which blob lies in which pack, and where.

An index has segments, files of the local cache that cover what the repository's index files said when they were made, a part in
memory for what came since, and one for what this process adds, which becomes a segment too when it grows large.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeVar

from holdfast.errors import DamagedData
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.repository.index_file import FULL_AT, save_index
from holdfast.repository.index_memory import IndexMemory
from holdfast.repository.index_segment import PREFIXES, BlobRecord, Segment, SegmentDamaged
from holdfast.repository.pack import BlobType, PackedBlob, content_bytes

__all__ = ["FULL_AT", "BlobLocation", "Index", "Totals", "save_index"]  # two of them for those who write index files

_MOST_OWN = 200_000
"""Blobs that a process adds before they become a segment: 40 MB."""

Part = Segment | IndexMemory
Answer = TypeVar("Answer")


class BlobLocation(NamedTuple):
    pack: PackId
    blob: PackedBlob


class Totals(NamedTuple):
    """Each blob and each pack counted once, however often it is listed."""

    blobs: int
    content_bytes: int
    packs: int
    stored_bytes: int  # of all packs


class Index:
    """The packs and blobs that index files list. Thread-safe.

    A segment that turns out to be damaged is replaced by what `reload` makes of the repository, in the middle of whatever was
    asked; then the store's errors can come from any method.
    """

    def __init__(
        self,
        segments: Sequence[Segment] = (),
        reload: Callable[[Segment, Index], Sequence[Segment]] | None = None,
        settle: Callable[[Sequence[IndexId], Sequence[Segment]], Sequence[Segment] | None] = lambda *_: None,
    ) -> None:
        """`reload` gives segments in place of one, or adds its packs to the index; needed if there are segments.

        `settle` gives the segments and what stored index files say as new segments, or None if there is no place for them.
        """
        self.faults: list[DamagedData] = []  # index files that could not be read; their blobs are missing here
        self.files: set[IndexId] = set()  # all whose content is known, or cannot be
        self.mark_files: set[IndexId] = set()  # those of them that hold nothing but marks
        self._marks: dict[PackId, dt.datetime] = {}
        self._memory = IndexMemory()
        self._own = IndexMemory()
        self._own_files: list[IndexId] = []
        self._adding = threading.Lock()
        self._settle = settle
        self.use_segments(segments)
        self._reload = reload
        self._replacing = threading.Lock()
        self._lost: set[PackId] = set()

    def use_segments(self, segments: Sequence[Segment]) -> None:
        """Takes these instead of its own; they must say the same."""
        self.segments = tuple(segments)
        self._parts: tuple[Part, ...] = (*segments, self._memory, self._own)  # in the order in which they are asked

    def add_pack(self, pack_id: PackId, blobs: Sequence[PackedBlob]) -> None:
        """A blob that is known already keeps its first place; this one is its next."""
        self._memory.add_pack(pack_id, blobs, lost=pack_id in self._lost)

    def add_file(self, index_id: IndexId, packs: Sequence[tuple[PackId, Sequence[PackedBlob]]]) -> None:
        """What an index file says that this process stored."""
        with self._adding:
            for pack_id, blobs in packs:
                self._own.add_pack(pack_id, blobs, lost=False)
            self._own_files.append(index_id)
            self.files.add(index_id)
            if self._own.blob_count < _MOST_OWN:
                return
            with self._replacing:
                segments = self._settle(self._own_files, self.segments)
                if segments is not None:
                    self._own, self._own_files = IndexMemory(), []
                    self.use_segments(segments)

    @property
    def marks(self) -> Mapping[PackId, dt.datetime]:
        """Packs that are going to be removed, and since when. They are still read, but `has` does not count them."""
        return self._marks

    def add_marks(self, marks: Iterable[tuple[PackId, dt.datetime]]) -> None:
        """The later of two marks counts: the pack is kept longer."""
        merged = dict(self._marks)
        for pack_id, time in marks:
            merged[pack_id] = max(time, merged.get(pack_id, time))
        self._marks = merged  # never changed in place: other threads look into it

    def use_marks(self, marks: Mapping[PackId, dt.datetime], index_id: IndexId | None) -> None:
        """Takes these, which an index file says, instead of all that were known."""
        self._marks = dict(marks)
        self.files -= self.mark_files
        self.mark_files = set() if index_id is None else {index_id}
        self.files |= self.mark_files

    def forget_packs(self, lost: Collection[PackId]) -> None:
        """Takes away what lies in packs that are lost, so that it counts as missing and is stored again."""
        self._lost.update(lost)
        self._ask(lambda: [part.lose(pack_id) for part in self._parts for pack_id in lost])

    def forget_all_but(self, stored: Callable[[], Iterable[tuple[PackId, int]]]) -> int:
        """Forgets packs that are not among those `stored` (id, size), which can be listed anew; returns how many.

        Memory: a byte for each pack, and the ids of those that are lost.
        """
        lost = self._ask(lambda: self._packs_missing_in(stored()))
        self.forget_packs(lost)
        return len(lost)

    def _packs_missing_in(self, stored: Iterable[tuple[PackId, int]]) -> set[PackId]:
        parts = [(part, bytearray(part.pack_count)) for part in self._parts]
        for pack_id, size in stored:
            for part, present in parts:
                for number, expected in part.find_pack(pack_id):
                    if size == expected and number < len(present):  # added since it was counted: not lost
                        present[number] = 1
        return {part.pack_id(number) for part, present in parts for number in _zeros(present)}

    def __len__(self) -> int:
        """How many different blobs there are. Goes through all of them."""
        return self.totals().blobs

    def has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        """Whether the blob is where it will stay."""
        try:
            for part in self._parts:
                if part.has(blob_type, blob_id):
                    return not self._marks or self.places(blob_type, blob_id)[0].pack not in self._marks
        except SegmentDamaged as damage:
            self._replace(damage.segment)
            return self.has(blob_type, blob_id)
        return False

    def find(self, blob_type: BlobType, blob_id: BlobId) -> BlobLocation:
        """Where to read a blob. Raises DamagedData for one that no index lists."""
        try:
            for part in self._parts:
                for record in part.places(blob_type, blob_id):
                    if self._marks:
                        return self.places(blob_type, blob_id)[0]
                    return _location(part, blob_type, record)
        except SegmentDamaged as damage:
            self._replace(damage.segment)
            return self.find(blob_type, blob_id)
        raise DamagedData(
            f"{blob_type.value} blob {blob_id.short} is not in the repository's index",
            why="its index or its pack was lost" if not self.faults else str(self.faults[0]),
        )

    def copies(self, blob_type: BlobType, blob_id: BlobId) -> Iterator[BlobLocation]:
        """Further places of a blob, for when its first one cannot be read."""
        yield from self.places(blob_type, blob_id)[1:]

    def places(self, blob_type: BlobType, blob_id: BlobId) -> list[BlobLocation]:
        """All places of a blob, those in packs that are going to be removed last; none if no index lists it."""
        found = self._ask(
            lambda: [
                _location(part, blob_type, record) for part in self._parts for record in part.places(blob_type, blob_id)
            ]
        )
        # A pack that several index files list gives the same place several times.
        return sorted(dict.fromkeys(found), key=lambda location: location.pack in self._marks)

    def has_pack(self, pack_id: PackId) -> bool:
        """Whether an index file lists the pack, lost or not."""
        return self._ask(lambda: any(part.find_pack(pack_id) for part in self._parts))

    def packs(self) -> Iterator[tuple[PackId, int]]:
        """Each pack that an index file lists, lost or not, and the bytes that its file must have."""
        for prefix in range(PREFIXES):
            yield from self._ask(partial(self._packs_in_segments, prefix)).items()
        for pack_id, size in chain(self._memory.packs(), self._own.packs()):
            if not self._ask(partial(self._is_pack_in_segments, pack_id)):
                yield pack_id, size

    def blobs(self) -> Iterator[BlobLocation]:
        """Each blob once, at its first place."""
        for blob_type in BlobType:
            for prefix in range(PREFIXES):
                yield from self._ask(partial(self._locations_in_segments, blob_type, prefix))
            for part, record in self._records_in_memory(blob_type):
                yield _location(part, blob_type, record)

    def blobs_in(self, packs: Collection[PackId]) -> dict[PackId, list[PackedBlob]]:
        """What is in those of these packs that are listed. Goes through everything."""
        return self._ask(lambda: self._blobs_in(packs))

    def _blobs_in(self, packs: Collection[PackId]) -> dict[PackId, list[PackedBlob]]:
        found: dict[PackId, list[PackedBlob]] = {}
        for part in self._parts:
            one_of = {pack_id: number for number, pack_id, _ in part.numbered_packs() if pack_id in packs}
            wanted = {number: pack_id for pack_id, number in one_of.items() if pack_id not in found}
            for blob_type in BlobType if wanted else ():
                for blob_id, number, offset, length, plain_length in part.all_records(blob_type):
                    if number in wanted:
                        blob = PackedBlob(blob_type, BlobId(blob_id), offset, length, plain_length)
                        found.setdefault(wanted[number], []).append(blob)
        return {pack_id: sorted(blobs, key=lambda blob: blob.offset) for pack_id, blobs in found.items()}

    def examine(self, question: Callable[[Sequence[Part]], Answer]) -> Answer:
        """What a question about all parts is answered with; it is asked anew if one of them turns out to be damaged."""
        return self._ask(lambda: question(self._parts))

    def totals(self) -> Totals:
        """Goes through everything: a second for two million blobs."""
        blobs = content = packs = stored = 0
        for blob_type in BlobType:
            for _, _, _, length, plain_length in self._records(blob_type):
                blobs += 1
                content += content_bytes(length, plain_length)
        for _, size in self.packs():
            packs += 1
            stored += size
        return Totals(blobs, content, packs, stored)

    def _records(self, blob_type: BlobType) -> Iterator[BlobRecord]:
        """Each blob once, at its first place."""
        for prefix in range(PREFIXES):
            for _, record in self._ask(partial(self._records_in_segments, blob_type, prefix)):
                yield record
        for _, record in self._records_in_memory(blob_type):
            yield record

    def _records_in_memory(self, blob_type: BlobType) -> Iterator[tuple[IndexMemory, BlobRecord]]:
        """Those that are in no segment."""
        memory, own = self._memory, self._own
        for part, before in ((memory, None), (own, memory)):
            for record in part.records(blob_type):
                is_in_segments = bool(self.segments) and self._ask(partial(self._is_in_segments, blob_type, record[0]))
                if not is_in_segments and not (before and before.has(blob_type, record[0])):
                    yield part, record

    # What is asked of segments, a part small enough to be answered anew if one of them is damaged.

    def _records_in_segments(self, blob_type: BlobType, prefix: int) -> Collection[tuple[Segment, BlobRecord]]:
        found: dict[bytes, tuple[Segment, BlobRecord]] = {}
        for segment in self.segments:
            for record in segment.records(blob_type, prefix):
                found.setdefault(record[0], (segment, record))
        return found.values()

    def _locations_in_segments(self, blob_type: BlobType, prefix: int) -> list[BlobLocation]:
        return [
            _location(segment, blob_type, record) for segment, record in self._records_in_segments(blob_type, prefix)
        ]

    def _is_in_segments(self, blob_type: BlobType, blob_id: bytes) -> bool:
        return any(segment.has(blob_type, blob_id) for segment in self.segments)

    def _packs_in_segments(self, prefix: int) -> dict[PackId, int]:
        found: dict[PackId, int] = {}
        for segment in self.segments:
            for pack_id, size in segment.packs(prefix):
                found.setdefault(pack_id, size)
        return found

    def _is_pack_in_segments(self, pack_id: PackId) -> bool:
        return any(segment.find_pack(pack_id) for segment in self.segments)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer of segments that are whole."""
        while True:
            try:
                return question()
            except SegmentDamaged as damage:
                self._replace(damage.segment)

    def _replace(self, damaged: Segment | None) -> None:
        """Puts what the repository says in the place of a segment; other threads wait, then ask again."""
        assert damaged is not None
        with self._replacing:
            if damaged in self.segments:
                fresh = self._made_anew(damaged)
                self.use_segments([*(one for one in self.segments if one is not damaged), *fresh])

    def _made_anew(self, damaged: Segment) -> list[Segment]:
        assert self._reload is not None
        fresh: list[Segment] = []
        for segment in self._reload(damaged, self):
            try:
                for pack_id in self._lost:
                    segment.lose(pack_id)
            except SegmentDamaged:
                fresh += self._made_anew(segment)  # ends: `reload` stops making segments if they do not last
            else:
                fresh.append(segment)
        return fresh


def _location(part: Part, blob_type: BlobType, record: BlobRecord) -> BlobLocation:
    blob_id, pack, offset, length, plain_length = record
    return BlobLocation(part.pack_id(pack), PackedBlob(blob_type, BlobId(blob_id), offset, length, plain_length))


def _zeros(values: bytearray) -> Iterator[int]:
    position = values.find(0)
    while position >= 0:
        yield position
        position = values.find(0, position + 1)
