"""What differs between two file trees of a repository.

Both are read side by side, directory by directory, in the order of their names. Directories with the same tree id are equal in
all that is below them, and are not read: what is compared costs what differs, not what is there. Nothing else is kept in
memory than one pair of directories for each level of the trees.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.operations.nodes import link_target, parse_nanoseconds
from holdfast.repository.contents import shown
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType


class Change(StrEnum):
    """What became of one path. A path has the first of these that fits."""

    ADDED = "added"
    REMOVED = "removed"
    TYPE = "type"  # a file became a directory, a symlink became a file, …
    MODIFIED = "modified"  # the content of a file
    METADATA = "metadata"  # of what is else the same


class Difference(NamedTuple):
    """One path that is not the same in both trees."""

    path: str
    change: Change
    before: Node | None  # None if it was added
    after: Node | None  # None if it was removed
    metadata: tuple[str, ...] = ()  # which of METADATA differ; empty unless metadata is compared
    gained: int = 0  # bytes of file content that only the new one has
    lost: int = 0


class _Pair(NamedTuple):
    path: str
    before: Node | None
    after: Node | None


class TreeComparison:
    """Compares trees of one repository. Damaged directories come as their errors, and the rest goes on."""

    def __init__(self, reader: BlobReader, cancel: Cancel, *, metadata: bool = False) -> None:
        self._reader = reader
        self._cancel = cancel
        self._metadata = metadata

    def compare_trees(self, before: str, after: str) -> Iterator[Difference | DamagedData]:
        """Two roots by their tree ids, parents before children. Raises Cancelled."""
        return self._walk(self._pairs("", before, after) if before != after else iter(()))

    def compare_nodes(self, path: str, before: Node | None, after: Node | None) -> Iterator[Difference | DamagedData]:
        """The same for what is at `path` and below. None where it does not exist."""
        return self._walk(iter((_Pair(path, before, after),)))

    def _walk(self, start: Iterator[_Pair]) -> Iterator[Difference | DamagedData]:
        levels = [start]
        while levels:
            self._cancel.check()
            try:
                pair = next(levels[-1], None)
            except DamagedData as error:
                levels.pop()
                yield error
                continue
            if pair is None:
                levels.pop()
                continue
            if difference := self._difference(*pair):
                yield difference
            before, after = (node.subtree if node else None for node in pair[1:])
            if before != after:  # one of them is None for a directory that was added, removed or is of another type now
                levels.append(self._pairs(pair.path, before, after))

    def _pairs(self, path: str, before: str | None, after: str | None) -> Iterator[_Pair]:
        """The entries of two directories by name. Raises DamagedData: then nothing can be said of what they hold."""
        both = heapq.merge(
            ((node.raw_name(), 0, node) for node in self._nodes(path, before, "first")),
            ((node.raw_name(), 1, node) for node in self._nodes(path, after, "second")),
            key=itemgetter(0),
        )
        for name, same_name in groupby(both, key=itemgetter(0)):
            nodes = {side: node for _, side, node in same_name}
            yield _Pair(f"{path}/{name.decode('utf-8', 'surrogateescape')}", nodes.get(0), nodes.get(1))

    def _nodes(self, path: str, tree: str | None, which: str) -> Iterator[Node]:
        if tree is None:
            return
        try:
            yield from self._reader.iter_tree(BlobId.parse(tree))
        except DamagedData as error:
            what = f"directory {shown(path) or '/'} of the {which} backup cannot be read"
            raise DamagedData(what, why=str(error)) from error

    def _difference(self, path: str, before: Node | None, after: Node | None) -> Difference | None:
        if before is None or after is None:
            change = Change.ADDED if before is None else Change.REMOVED
            return Difference(path, change, before, after, gained=_size(after), lost=_size(before))
        if before == after:
            return None
        if before.type is not after.type:
            return Difference(path, Change.TYPE, before, after, gained=_size(after), lost=_size(before))
        metadata = changed_metadata(before, after) if self._metadata else ()
        if before.content != after.content:
            gained, lost = self._exchanged(before, after)
            return Difference(path, Change.MODIFIED, before, after, metadata, gained, lost)
        return Difference(path, Change.METADATA, before, after, metadata) if metadata else None

    def _exchanged(self, before: Node, after: Node) -> tuple[int, int]:
        """Bytes of the parts that only the new content has, and only the old."""
        old, new = Counter(before.content), Counter(after.content)
        try:
            return self._bytes(new - old), self._bytes(old - new)
        except DamagedData:
            return after.size, before.size  # the index has lost some of the parts, and their sizes with them

    def _bytes(self, parts: Counter[str]) -> int:
        return sum(
            count * self._reader.content_size(BlobType.DATA, BlobId.parse(part)) for part, count in parts.items()
        )


def _size(node: Node | None) -> int:
    return node.size if node and node.type is NodeType.FILE else 0


def _moment(text: str) -> int | str:
    """The same for the same moment in any time zone."""
    try:
        return parse_nanoseconds(text)
    except DamagedData:
        return text


METADATA: dict[str, Callable[[Node], object]] = {
    "mode": lambda node: node.mode,
    "owner": lambda node: (node.uid, node.gid),
    "time": lambda node: _moment(node.mtime),
    "xattrs": lambda node: {attribute.name: attribute.value or b"" for attribute in node.extended_attributes},
    "target": link_target,
    "device": lambda node: node.device,
}
"""What a restore brings back beside names, types and contents. Inode numbers, change and access times are not in it: they differ
between any two machines, and after every restore."""


def changed_metadata(before: Node, after: Node) -> tuple[str, ...]:
    """Which of METADATA differ."""
    return tuple(attribute for attribute, of in METADATA.items() if of(before) != of(after))


@dataclass(slots=True)
class Totals:
    """All differences in numbers. `gained - lost` is by how much the content of all files together grew."""

    files: Counter[str] = field(default_factory=Counter)  # Change → how many
    directories: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    gained: int = 0
    lost: int = 0

    def count(self, difference: Difference) -> None:
        """What changed its type counts as what it became."""
        node = difference.after or difference.before
        assert node is not None
        counter = {NodeType.FILE: self.files, NodeType.DIRECTORY: self.directories}.get(node.type, self.others)
        counter[difference.change] += 1
        self.gained += difference.gained
        self.lost += difference.lost
