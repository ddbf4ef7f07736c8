"""Making the index say what packs there are, from the index files that can be read and from the packs' own headers.

What an index file says of a pack is believed if a pack of just that size is stored. Packs that are in no readable index file, or
have another size, are asked themselves. Nothing but index files is written or deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import IndexId, PackId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.repository.ahead import ahead
from holdfast.repository.index_file import IndexFile, decode_packs, list_index_files, load_index_files, of_file
from holdfast.repository.index_rewriter import IndexRewriter
from holdfast.repository.pack import PackedBlob, pack_size, read_header
from holdfast.repository.repository import Repository

_PARALLEL_HEADERS = 8
"""Headers that are read at once: each is two small requests, so it is the store's answers that take time."""

Entry = list[PackedBlob]
"""What is known of one pack: its blobs, in the order in which they lie in it."""


@dataclass(frozen=True, slots=True)
class DoubtfulPack:
    """A pack that the index cannot be right about. It stays where it is."""

    pack: PackId
    why: str
    listed: bool  # whether the index still lists it, because blobs in it may be whole


@dataclass(slots=True)
class IndexRepair:
    """What was found, and what was done about it or, in a dry run, would be."""

    packs: int = 0  # that are stored
    index_files: int = 0  # that there were
    damaged_files: list[DamagedData] = field(default_factory=list)
    found: list[PackId] = field(default_factory=list)  # were in no readable index file, and are listed now
    corrected: list[PackId] = field(default_factory=list)  # were listed otherwise than their headers say
    forgotten: dict[PackId, str] = field(default_factory=dict)  # are listed no more, and why
    listed_twice: int = 0  # entries that were left out
    doubtful: list[DoubtfulPack] = field(default_factory=list)
    replaced: int = 0  # index files
    written: int = 0

    @property
    def is_needed(self) -> bool:
        """Whether the index is not as it should be."""
        return bool(self.replaced or self.found)


def repair_index(
    repository: Repository, *, read_all_packs: bool, dry_run: bool, cancel: Cancel, progress: Progress
) -> IndexRepair:
    """Writes new index files in place of those that are damaged or wrong; all others stay.

    `read_all_packs` compares also entries that look right with the headers. Raises RepositoryLocked, LockLost, Cancelled and
    what the store raises; whenever it ends, the index is no worse than it was.
    """
    with repository.lock(cancel, exclusive=not dry_run) as lock:
        rewriter = IndexRewriter(repository.store, repository.key, None if dry_run else lock.prove)
        report = compare_index(repository, rewriter, cancel, progress, read_all_packs=read_all_packs)
        progress.phase("replace index files")
        rewriter.finish()
    report.written = rewriter.written
    if not dry_run:
        repository.drop_index()
    return report


def compare_index(
    repository: Repository,
    rewriter: IndexRewriter,
    cancel: Cancel,
    progress: Progress,
    *,
    read_all_packs: bool = False,
) -> IndexRepair:
    """Compares index files with packs, and gives what is to be changed to the rewriter, which its caller finishes."""
    return _Comparison(repository, rewriter, cancel, progress, read_all_packs=read_all_packs).run()


class _Comparison:
    def __init__(
        self,
        repository: Repository,
        rewriter: IndexRewriter,
        cancel: Cancel,
        progress: Progress,
        *,
        read_all_packs: bool,
    ) -> None:
        self._repository = repository
        self._rewriter = rewriter
        self._cancel = cancel
        self._progress = progress
        self._read_all_packs = read_all_packs
        self._stored: dict[PackId, int] = {}
        self._settled: set[PackId] = set()  # packs about which all is decided
        self._report = IndexRepair()

    def run(self) -> IndexRepair:
        index_ids = list_index_files(self._repository.store)  # before the packs: whatever these name was stored by then
        self._progress.phase("list the packs")
        self._stored = dict(self._repository.stored_packs())
        self._report.packs, self._report.index_files = len(self._stored), len(index_ids)
        self._progress.phase("read index files", len(index_ids))
        for index_id, loaded in load_index_files(self._repository.store, self._repository.key, index_ids):
            self._cancel.check()
            self._look_through(index_id, loaded)
            self._progress.advance()
        unlisted = [(pack_id, size) for pack_id, size in self._stored.items() if pack_id not in self._settled]
        self._progress.phase("read headers of packs", len(unlisted))
        for pack_id, header in self._headers(unlisted):
            self._add_unlisted(pack_id, header)
            self._progress.advance()
        self._report.replaced = len(self._rewriter.replaced)
        return self._report

    def _look_through(self, index_id: IndexId, loaded: IndexFile | DamagedData) -> None:
        try:
            if isinstance(loaded, DamagedData):
                raise loaded
            packs = list(decode_packs(loaded))
        except DamagedData as error:
            self._report.damaged_files.append(error if error is loaded else of_file(index_id, error))
            self._rewriter.replace(index_id)
            return
        headers = dict(self._headers(self._to_be_asked(packs)))
        kept = [entry for pack in packs if (entry := self._judged(pack, headers)) is not None]
        if kept != packs:
            self._rewriter.replace(index_id)
            for pack_id, blobs in kept:
                self._rewriter.add(pack_id, blobs)

    def _to_be_asked(self, packs: list[tuple[PackId, Entry]]) -> list[tuple[PackId, int]]:
        """Packs of an index file that is not simply believed."""
        asked = {}
        for pack_id, blobs in packs:
            size = self._stored.get(pack_id)
            if size is None or pack_id in self._settled:
                continue
            if self._read_all_packs or size != pack_size(blobs):
                asked[pack_id] = size
        return list(asked.items())

    def _judged(
        self, entry: tuple[PackId, Entry], headers: dict[PackId, Entry | DamagedData]
    ) -> tuple[PackId, Entry] | None:
        """What the index shall say in place of an entry: the same, what the header says, or nothing."""
        pack_id, blobs = entry
        if pack_id in self._settled:
            self._report.listed_twice += 1
            return None
        if pack_id not in self._stored:
            self._report.forgotten[pack_id] = "the store does not have it"
            return None
        self._settled.add(pack_id)
        header = headers.get(pack_id, blobs)
        if not isinstance(header, DamagedData):
            if header == blobs:
                return entry
            self._report.corrected.append(pack_id)
            return pack_id, header
        # Only this entry still knows where blobs of the pack begin. `repair packs` needs it to save them.
        size = self._stored[pack_id]
        if any(blob.offset + blob.length <= size for blob in blobs):
            self._report.doubtful.append(DoubtfulPack(pack_id, str(header), listed=True))
            return entry
        self._report.forgotten[pack_id] = f"none of its blobs is in the {size} bytes that are left of it"
        return None

    def _add_unlisted(self, pack_id: PackId, header: Entry | DamagedData) -> None:
        if isinstance(header, DamagedData):
            self._report.doubtful.append(DoubtfulPack(pack_id, str(header), listed=False))
        else:
            self._report.found.append(pack_id)
            self._rewriter.add(pack_id, header)

    def _headers(self, packs: Sequence[tuple[PackId, int]]) -> Iterator[tuple[PackId, Entry | DamagedData]]:
        """The packs with their headers, in their order, a few of them read ahead."""
        if not packs:
            return
        with ThreadPoolExecutor(_PARALLEL_HEADERS, thread_name_prefix="holdfast-header") as pool:
            headers = ahead(pool, lambda pack: _own_entry(self._repository, *pack), packs, _PARALLEL_HEADERS)
            for (pack_id, _), header in zip(packs, headers, strict=True):
                self._cancel.check()
                yield pack_id, header


def _own_entry(repository: Repository, pack_id: PackId, size: int) -> Entry | DamagedData:
    """What a pack of `size` bytes says of itself, or why that cannot be believed."""
    try:
        blobs = read_header(repository.store, repository.key, pack_id, size)
    except FileMissing:
        return DamagedData(f"pack {pack_id.short} is missing", why="it vanished while its header was read")
    except DamagedData as error:
        return error
    if pack_size(blobs) != size:
        return DamagedData(
            f"pack {pack_id.short} is damaged", why=f"its header tells of {pack_size(blobs)} bytes, and it has {size}"
        )
    return blobs
