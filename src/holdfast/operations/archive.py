"""File trees into a repository: entries that `holdfast.volumes` reads become nodes and blobs.

Directory by directory, depth first, so that memory holds one directory for each level. Small files go in batches, long ones are
cut by one thread and hashed, compressed and sealed by a pool. A file that is as the parent's node says (size, mtime, ctime,
inode) is not read; its node is made anew all the same, because owners and attributes may have changed.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.codec.chunker import MIN_SIZE, Chunker
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.nodes import is_unchanged, node_of
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, encode_node, join_nodes
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry, EntryType
from holdfast.volumes.reading import (
    FileStream,
    OpenDirectory,
    SmallFile,
    Unreadable,
    open_directory,
    open_directory_only,
    read_small_files,
)
from holdfast.volumes.selection import CACHE_TAG_NAME, FileSelection

_BATCH_FILES = 64
_BATCH_BYTES = 1 << 20
_CHUNK_THREADS = 2
_CHUNKS_WAITING = 4  # of at most 8 MiB each


@dataclass(slots=True)
class ArchiveCounts:
    """As restic's summary counts them."""

    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    files: int = 0
    bytes: int = 0


class Archiver:
    """One pass over some file trees. `counts` and `problems` say what came of it."""

    def __init__(
        self,
        writer: BlobWriter,
        reader: BlobReader,
        chunker: Chunker,
        selection: FileSelection,
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._chunker = chunker
        self._selection = selection
        self._cancel = cancel
        self._progress = progress
        self._pool = ThreadPoolExecutor(_CHUNK_THREADS, thread_name_prefix="holdfast-chunk")
        self.counts = ArchiveCounts()
        self.problems: list[Problem] = []

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def directory(self, path: bytes, parent: BlobId | None) -> BlobId:
        """Stores the tree at `path`, which must be a directory, and returns its id. Raises OSError if it cannot be listed.

        `parent` is the same directory in an earlier backup whose unchanged files need not be read.
        """
        frame = self._open(path, b"" if path == b"/" else path, parent, None)
        device = os.fstat(frame.opened.fd).st_dev
        try:
            while True:
                self._cancel.check()
                if frame.subdirectories:
                    frame = self._enter(frame, frame.subdirectories.popleft(), device) or frame
                    continue
                tree = self._finish(frame)
                if frame.above is None:
                    return tree
                above, done = frame.above, frame.entry
                assert done is not None
                self._count_directory(above, done, tree)
                above.nodes[done.name] = encode_node(node_of(done, subtree=tree))
                frame.opened.close()
                frame = above
        finally:
            open_frame: _Frame | None = frame
            while open_frame is not None:
                open_frame.opened.close()
                open_frame = open_frame.above

    def single(self, path: bytes, entry: Entry, parent: BlobId | None) -> bytes:
        """Stores one entry that is no directory and returns its encoded node; of a block device its whole content.

        `parent` is its directory in an earlier backup. Raises OSError if it cannot be read.
        """
        if entry.type not in (EntryType.FILE, EntryType.BLOCK_DEVICE):
            return encode_node(node_of(entry))
        opened = open_directory_only(os.path.dirname(path))
        try:
            frame = _Frame(opened, b"", None, self._nodes_before(parent))
            old = frame.before.get(entry.name)
            if old is not None and entry.type is EntryType.FILE and is_unchanged(entry, old):
                self._reuse(frame, entry, old)
            else:
                self._store_long(frame, entry)
        finally:
            opened.close()
        stored = frame.nodes.get(entry.name)
        if stored is None:
            raise OSError(self.problems.pop().why)
        return stored

    def _enter(self, above: _Frame, entry: Entry, device: int) -> _Frame | None:
        path = os.path.join(above.opened.path, entry.name)
        if self._selection.one_file_system and entry.device != device:
            above.nodes[entry.name] = encode_node(node_of(entry, subtree=self._empty()))
            return None
        old = above.before.get(entry.name)
        parent = BlobId.parse(old.subtree) if old is not None and old.subtree else None
        try:
            frame = self._open(path, above.inside + b"/" + entry.name, parent, above)
        except OSError as error:
            self._unreadable(Unreadable(path, error.strerror or str(error)))
            above.nodes[entry.name] = encode_node(node_of(entry, subtree=self._empty()))
            return None
        frame.entry = entry
        return frame

    def _open(self, path: bytes, inside: bytes, parent: BlobId | None, above: _Frame | None) -> _Frame:
        """Opens a directory and stores everything in it but its subdirectories."""
        opened = open_directory(path, above.opened if above else None)
        try:
            frame = _Frame(opened, inside, above, self._nodes_before(parent))
            for fault in opened.unreadable:
                self._unreadable(fault)
            entries = [e for e in opened.entries if not self._selection.excludes(inside + b"/" + e.name)]
            if self._selection.is_cache(opened.fd, [entry.name for entry in entries]):
                entries = [entry for entry in entries if entry.name == CACHE_TAG_NAME]
            small: list[Entry] = []
            for entry in entries:
                if entry.type is EntryType.DIRECTORY:
                    frame.subdirectories.append(entry)
                elif entry.type is not EntryType.FILE:
                    frame.nodes[entry.name] = encode_node(node_of(entry))
                elif is_unchanged(entry, old := frame.before.get(entry.name)):
                    assert old is not None
                    self._reuse(frame, entry, old)
                elif entry.size > MIN_SIZE:
                    self._store_long(frame, entry)
                else:
                    small.append(entry)
            self._store_small(frame, small)
        except BaseException:
            opened.close()
            raise
        return frame

    def _reuse(self, frame: _Frame, entry: Entry, old: Node) -> None:
        node = node_of(entry, content=old.content)
        node.extended_attributes = old.extended_attributes  # a change of them would have changed the ctime
        frame.nodes[entry.name] = encode_node(node)
        self.counts.files_unmodified += 1
        self._count_file(entry.size)

    def _store_small(self, frame: _Frame, entries: list[Entry]) -> None:
        start = 0
        while start < len(entries):
            self._cancel.check()
            end, size = start, 0
            while end < len(entries) and end - start < _BATCH_FILES and size < _BATCH_BYTES:
                size += entries[end].size
                end += 1
            read: list[SmallFile] = []
            for file, fault in read_small_files(frame.opened, entries[start:end]):
                if fault is not None:
                    self._unreadable(fault)
                if file is not None:
                    read.append(file)
            filled = [file.content for file in read if file.content]
            ids = iter(self._writer.save_many(BlobType.DATA, filled))
            for entry, content in read:
                blobs = [next(ids).hex()] if content else []
                self._add_file(frame, entry, blobs)
            start = end

    def _store_long(self, frame: _Frame, seen: Entry) -> None:
        try:
            stream = FileStream(frame.opened, seen)
        except OSError as error:
            self._unreadable(Unreadable(os.path.join(frame.opened.path, seen.name), error.strerror or str(error)))
            return
        waiting: deque[Future[BlobId]] = deque()
        content: list[str] = []
        try:
            for chunk in self._chunker.split(stream):
                self._cancel.check()
                waiting.append(self._pool.submit(self._writer.save, BlobType.DATA, chunk))
                if len(waiting) > _CHUNKS_WAITING:
                    content.append(waiting.popleft().result().hex())
                self._progress.advance(0, len(chunk))
            content.extend(task.result().hex() for task in waiting)
            entry, fault = stream.finish()
        except OSError as error:
            self._unreadable(Unreadable(stream.path, error.strerror or str(error)))
            return
        finally:
            stream.close()
        if fault is not None:
            self._unreadable(fault)
        self._add_file(frame, entry, content)

    def _add_file(self, frame: _Frame, entry: Entry, content: list[str]) -> None:
        frame.nodes[entry.name] = encode_node(node_of(entry, content=content))
        if entry.name in frame.before:
            self.counts.files_changed += 1
        else:
            self.counts.files_new += 1
        self._count_file(entry.size)

    def _finish(self, frame: _Frame) -> BlobId:
        return self._writer.save(BlobType.TREE, join_nodes(frame.nodes[name] for name in sorted(frame.nodes)))

    def _empty(self) -> BlobId:
        return self._writer.save(BlobType.TREE, join_nodes(()))

    def _nodes_before(self, parent: BlobId | None) -> dict[bytes, Node]:
        if parent is None:
            return {}
        try:
            return {node.raw_name(): node for node in self._reader.load_tree(parent)}
        except DamagedData:
            return {}  # then everything is read, which heals the backup

    def _count_file(self, size: int) -> None:
        self.counts.files += 1
        self.counts.bytes += size
        self._progress.advance(1, 0 if size > MIN_SIZE else size)

    def _count_directory(self, above: _Frame, entry: Entry, tree: BlobId) -> None:
        old = above.before.get(entry.name)
        if old is None or old.subtree is None:
            self.counts.dirs_new += 1
        elif old.subtree == tree.hex():
            self.counts.dirs_unmodified += 1
        else:
            self.counts.dirs_changed += 1

    def _unreadable(self, fault: Unreadable) -> None:
        name = fault.path.decode("utf-8", "backslashreplace")
        self.problems.append(
            Problem(f"{name} was not saved whole", fault.why, "Correct it and back up again; the rest was saved.")
        )


@dataclass(slots=True)
class _Frame:
    """A directory whose subdirectories are still being stored."""

    opened: OpenDirectory
    inside: bytes  # its path from the root of the backup; "" for the root
    above: _Frame | None
    before: dict[bytes, Node]  # in the parent backup
    entry: Entry | None = None  # None for the root
    nodes: dict[bytes, bytes] = field(default_factory=dict)  # name → encoded node
    subdirectories: deque[Entry] = field(default_factory=deque)
