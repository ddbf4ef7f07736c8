"""Trees without what is lost in them: which paths those are, and what each directory becomes.

A file that is not whole is left out, never cut short; so is a directory that cannot be read. Each tree is read once, however
many snapshots share it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository.tree import (
    Decoded,
    NodeType,
    content_ids,
    decode_with_text,
    encode_node,
    join_nodes,
    subtree_id,
)


class Loss(NamedTuple):
    """A file or directory that is left out, the latter with all that was below it."""

    path: str  # from the root; bytes that are not UTF-8 as surrogates
    why: str
    is_stored: bool = False  # a directory that is whole, but no tree that this program understands; another one may


class _Gap(NamedTuple):
    """What is not as it was in one directory."""

    name: bytes
    why: str
    below: BlobId | None  # the directory of this name, if it is there and something below it is lost
    is_stored: bool = False  # as in Loss


@dataclass(slots=True)
class _Open:
    """A directory that waits for those below it."""

    id: BlobId
    content: bytes
    below: list[BlobId]
    has_gaps: bool
    entered: int = 0  # of those below


class TreeMender:
    """Memory: an id for each tree, and what is lost; the content of the directories on the way to one."""

    def __init__(
        self,
        load: Callable[[BlobId], bytes],
        fault: Callable[[BlobId], str],
        save: Callable[[bytes], BlobId],
    ) -> None:
        """`load` gives a tree's content or raises DamagedData; `fault` says why a data blob is lost, "" if it is not; `save`
        takes the content of a directory that is not as it was.
        """
        self._load = load
        self._fault = fault
        self._save = save
        self._whole: set[BlobId] = set()
        self._mended: dict[BlobId, BlobId | None] = {}
        self._gaps: dict[BlobId, list[_Gap]] = {}
        self._faults: dict[BlobId, str] = {}  # of trees that cannot be read
        self._strange: set[BlobId] = set()  # of these, those that are stored as they were written

    @property
    def trees(self) -> int:
        """How many were looked at."""
        return len(self._whole) + len(self._mended)

    @property
    def lost_trees(self) -> Collection[BlobId]:
        """Those that cannot be read."""
        return self._faults.keys()

    def mend(self, root: BlobId) -> BlobId | None:
        """The tree without what is lost below it: itself if nothing is, None if it cannot be read."""
        way: list[_Open] = []
        self._enter(root, way)
        while way:
            directory = way[-1]
            if directory.entered < len(directory.below):
                directory.entered += 1
                self._enter(directory.below[directory.entered - 1], way)
            else:
                self._close(directory)
                way.pop()
        return self._outcome(root)

    def losses(self, root: BlobId) -> Iterator[Loss]:
        """What `mend` left out, in the order of paths."""
        if root in self._faults:
            yield Loss("/", self._faults[root], root in self._strange)
        waiting = [("", _Gap(b"", "", root))]
        while waiting:
            parent, gap = waiting.pop()
            path = f"{parent}/{os.fsdecode(gap.name)}" if gap.name else ""
            if gap.below is None:
                yield Loss(path, gap.why, gap.is_stored)
            else:
                waiting += [(path, one) for one in reversed(self._gaps.get(gap.below, ()))]

    def _outcome(self, tree_id: BlobId) -> BlobId | None:
        return tree_id if tree_id in self._whole else self._mended[tree_id]

    def _enter(self, tree_id: BlobId, way: list[_Open]) -> None:
        if tree_id in self._whole or tree_id in self._mended:
            return
        below, has_gaps, content = [], False, None
        try:
            content = self._load(tree_id)
            for decoded in decode_with_text(content):
                if self._own_fault(decoded):
                    has_gaps = True
                elif decoded.node.type is NodeType.DIRECTORY:
                    below.append(subtree_id(decoded.node))
        except DamagedData as error:
            self._mended[tree_id] = None
            self._faults[tree_id] = str(error)
            if content is not None:
                self._strange.add(tree_id)
            return
        way.append(_Open(tree_id, content, below, has_gaps))

    def _close(self, directory: _Open) -> None:
        """All directories below are known now."""
        if not directory.has_gaps and self._whole.issuperset(directory.below):
            self._whole.add(directory.id)
            return
        gaps: list[_Gap] = []
        encoded: list[bytes | msgspec.Raw] = []
        # Decoded again, and not kept: nodes take many times the memory of their JSON.
        for decoded in decode_with_text(directory.content):
            gap, text = self._judged(decoded)
            if gap is not None:
                gaps.append(gap)
            if text is not None:
                encoded.append(text)
        self._gaps[directory.id] = gaps
        self._mended[directory.id] = self._save(join_nodes(encoded))

    def _judged(self, decoded: Decoded) -> tuple[_Gap | None, bytes | msgspec.Raw | None]:
        """What is lost with a node, and its text in the mended directory."""
        why = self._own_fault(decoded)
        if why:
            return _Gap(decoded.name, why, None), None
        if decoded.node.type is not NodeType.DIRECTORY:
            return None, decoded.text
        before = subtree_id(decoded.node)
        after = self._outcome(before)
        if after is None:
            return _Gap(decoded.name, self._faults[before], None, before in self._strange), None
        if after == before:
            return None, decoded.text
        mended = msgspec.structs.replace(decoded.node, subtree=after.hex())
        return _Gap(decoded.name, "", before), encode_node(mended)

    def _own_fault(self, decoded: Decoded) -> str:
        """Why a node is lost, whatever is below it."""
        try:
            if decoded.node.type is NodeType.DIRECTORY:
                subtree_id(decoded.node)
            for blob_id in content_ids(decoded.node):
                if why := self._fault(blob_id):
                    return why
        except DamagedData as error:
            return str(error)
        return ""
