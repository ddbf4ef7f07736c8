"""What snapshots lead to: directories, and the data of their files. The rest of a repository is rubbish.

Trees are walked in the order in which they lie in their packs, each once, and no path is kept. Only what leads to damage is
walked again, as people would go, to name it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from holdfast.errors import DamagedData
from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress, Silent
from holdfast.repository.id_numbers import IdNumbers
from holdfast.repository.index import Index
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree_links import Link, decode_links, joined_ids

_TREES_AT_ONCE = 4096
"""So many are looked for together, to find neighbours among them."""

_READERS = 4
_OPENERS = 2
"""Threads of their own, because each thread that asks for much memory keeps some."""


class Damage(NamedTuple):
    """What a snapshot lost."""

    path: str
    is_directory: bool  # with all below it
    why: str

    def __str__(self) -> str:
        return f"directory {self.path} cannot be read" if self.is_directory else f"file {self.path} is incomplete"


class Reachable:
    """The blobs below the roots that were added. Each tree is read once, however many snapshots have it. Not thread-safe.

    Memory: 19 bytes for each blob in the index, 32 for each tree that waits to be read, 8 for each subdirectory of a tree.
    """

    def __init__(
        self, reader: BlobReader, index: Index, *, cancel: Cancel | None = None, progress: Progress | None = None
    ) -> None:
        """Goes through the index. `progress` advances with each tree."""
        self._reader = reader
        self._index = index
        self._cancel = cancel or Cancel()
        self._progress = progress or Silent()
        self._ids = {blob_type: IdNumbers(index.ids(blob_type)) for blob_type in BlobType}
        self._seen = {blob_type: bytearray(len(ids)) for blob_type, ids in self._ids.items()}
        self._inside = array("I")  # the numbers of a tree and of one in which it is, and so on
        self._unread: set[int] = set()  # trees that could not be read
        self._lacking: set[int] = set()  # trees in which a blob is named that is in no index
        self._leading: set[int] | None = None  # all of these and what they are below; None if it must be found out anew

    def look_in(self, index: Index) -> None:
        """From now on: an index that is newer."""
        self._index = index

    @property
    def trees(self) -> int:
        """How many there are below the roots."""
        return self._seen[BlobType.TREE].count(1)

    @property
    def trees_in_index(self) -> int:
        """How many there can be."""
        return len(self._ids[BlobType.TREE])

    @property
    def blobs(self) -> int:
        """How many different ones the index has."""
        return sum(map(len, self._ids.values()))

    @property
    def count(self) -> int:
        """How many blobs the roots lead to."""
        return sum(seen.count(1) for seen in self._seen.values())

    def has(self, blob_type: BlobType, blob_id: BlobId) -> bool:
        """Whether a root leads to this blob of the index; below trees that are damaged nobody knows."""
        number = self._ids[blob_type].find(blob_id)
        return number >= 0 and bool(self._seen[blob_type][number])

    def add(self, root: BlobId) -> Iterator[DamagedData]:
        """Walks what is below a root and was not walked before; yields all that is damaged or missing below it, by its path."""
        self.add_many([root])
        for damage in self.damage_below(root):
            yield DamagedData(str(damage), why=damage.why)

    def add_many(self, roots: Iterable[BlobId]) -> None:
        """The same for many roots, which costs less; what is damaged tells `damage_below`."""
        waiting = bytearray()
        for root in roots:
            waiting += self._unseen(root, self._numbers(BlobType.TREE, root))
        with ThreadPoolExecutor(_READERS) as reading, ThreadPoolExecutor(_OPENERS) as opening:
            while waiting:
                self._leading = None
                ids = bytes(waiting[-_TREES_AT_ONCE * DIGEST_SIZE :])
                del waiting[-len(ids) :]
                for tree_id, content in self._reader.load_trees(_split(ids), reading=reading, opening=opening):
                    self._cancel.check()
                    waiting += self._walk(tree_id, content)
                    self._progress.advance()

    def damage_below(self, root: BlobId) -> Iterator[Damage]:
        """What is damaged or missing below a root that was added. A directory that is there twice is named once."""
        leading, met = self._leading_to_damage(), set[int]()
        waiting = [("", root)]
        while waiting:
            self._cancel.check()
            path, tree_id = waiting.pop()
            number = self._ids[BlobType.TREE].find(tree_id)
            if number < 0 or number in self._unread:
                yield Damage(path or "/", True, self._why_unread(tree_id))
            elif number in leading and number not in met:
                met.add(number)
                try:
                    for link in chain.from_iterable(decode_links(self._reader.load(BlobType.TREE, tree_id))):
                        link_path = f"{path}/{link.name}"
                        if link.subtree is not None:
                            waiting.append((link_path, BlobId.parse(link.subtree)))
                        if why := self._why_incomplete(link):
                            yield Damage(link_path, False, why)
                except DamagedData as error:
                    yield Damage(path or "/", True, str(error))

    def _walk(self, tree_id: BlobId, content: bytes | DamagedData) -> bytes:
        """Notes what a tree leads to; returns the trees among it that were not met before."""
        [tree] = self._ids[BlobType.TREE].find_joined(tree_id)
        unseen = b""
        try:
            if isinstance(content, DamagedData):
                raise content
            for links in decode_links(content):
                self._walk_content(tree, [link.content for link in links if link.content])
                unseen += self._walk_subtrees(tree, [link.subtree for link in links if link.subtree is not None])
        except DamagedData:
            self._unread.add(tree)
        return unseen

    def _walk_content(self, tree: int, contents: list[list[str]]) -> None:
        texts = list(chain.from_iterable(contents))
        numbers = self._numbers(BlobType.DATA, joined_ids(texts))
        if -1 in numbers or len(numbers) < len(texts):
            self._lacking.add(tree)
            numbers = [number for number in numbers if number >= 0]
        seen = self._seen[BlobType.DATA]
        for number in numbers:
            seen[number] = 1

    def _walk_subtrees(self, tree: int, texts: list[str]) -> bytes:
        ids = joined_ids(texts)
        numbers = self._numbers(BlobType.TREE, ids)
        if -1 in numbers or len(numbers) < len(texts):
            self._lacking.add(tree)
        for number in numbers:
            if number >= 0:
                self._inside.extend((number, tree))
        return self._unseen(ids, numbers)

    def _unseen(self, ids: bytes, numbers: list[int]) -> bytes:
        """Those trees of the index that are met for the first time."""
        seen = self._seen[BlobType.TREE]
        unseen = bytearray()
        for place, number in enumerate(numbers):
            if number >= 0 and not seen[number]:
                seen[number] = 1
                unseen += ids[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE]
        return bytes(unseen)

    def _numbers(self, blob_type: BlobType, ids: bytes) -> list[int]:
        """-1 for a blob that is in no index."""
        numbers = self._ids[blob_type].find_joined(ids)
        if -1 in numbers:
            for place, blob_id in enumerate(_split(ids)):
                if numbers[place] < 0 and self._index.places(blob_type, blob_id):  # it came after the ids were numbered
                    numbers[place] = self._ids[blob_type].add(blob_id)
                    self._seen[blob_type].extend(bytes(len(self._ids[blob_type]) - len(self._seen[blob_type])))
        return numbers

    def _leading_to_damage(self) -> set[int]:
        if self._leading is None:
            leading = self._unread | self._lacking
            size = -1
            while size < len(leading):
                size = len(leading)
                numbers = iter(self._inside)
                leading.update(outer for inner, outer in zip(numbers, numbers, strict=True) if inner in leading)
            self._leading = leading
        return self._leading

    def _why_unread(self, tree_id: BlobId) -> str:
        try:
            for _ in decode_links(self._reader.load(BlobType.TREE, tree_id)):
                pass
        except DamagedData as error:
            return str(error)
        return "it could not be read when it was needed, though it can be now"

    def _why_incomplete(self, link: Link) -> str:
        """Empty for a file that is whole, and for all that is no file."""
        try:
            for blob_id in map(BlobId.parse, link.content or ()):
                [number] = self._numbers(BlobType.DATA, blob_id)
                if number < 0:
                    self._index.find(BlobType.DATA, blob_id)
                else:
                    self._seen[BlobType.DATA][number] = 1  # if the index learned of it after the walk
        except DamagedData as error:
            return str(error)
        return ""


def _split(ids: bytes) -> Iterator[BlobId]:
    return (BlobId(ids[place : place + DIGEST_SIZE]) for place in range(0, len(ids), DIGEST_SIZE))
