"""File trees into a repository: entries that `holdfast.volumes` reads become nodes and blobs.

This walk goes directory by directory, depth first, in one thread. Small files leave it in batches, long ones one by one, and come
back stored in any order; a directory's tree is stored when all that is in it has come back. So memory holds one directory for
each level and the few whose files are on the way.

A file that is as the parent's node says (size, mtime, ctime, inode) is not read; its node is taken over, with what may have
changed without a trace in these.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.codec.chunker import MIN_SIZE
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.frame import Frame
from holdfast.operations.helpers import Helpers
from holdfast.operations.long_files import LongFile, LongFiles
from holdfast.operations.nodes import encode_content, encode_file, is_unchanged, node_of, update_file
from holdfast.operations.processors import processors
from holdfast.operations.returns import Returns
from holdfast.operations.store_batch import StoreBatch
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.tree import Known, decode_known, encode_node, join_nodes
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry, EntryType
from holdfast.volumes.reading import Unreadable, open_directory, open_directory_only
from holdfast.volumes.selection import CACHE_TAG_NAME, FileSelection


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
    """One pass over some file trees. `counts` and `problems` say what came of it. Used by one thread; close it."""

    def __init__(
        self,
        repository: Repository,
        writer: BlobWriter,
        selection: FileSelection,
        cancel: Cancel,
        progress: Progress,
        *,
        called: Callable[[bytes], bytes] = lambda path: path,
    ) -> None:
        """`called` gives the path by which people know what lies at a path here."""
        self._repository = repository
        self._writer = writer
        self._selection = selection
        self._cancel = cancel
        self._progress = progress
        self._called = called
        self._back = Returns[StoreBatch | LongFile](cancel, self._enter_result)
        self._small = Helpers[StoreBatch](repository.key, cancel, done=self._back.put)
        self._long = LongFiles(
            writer, repository.key, repository.chunker, cancel, progress, threads=processors(), done=self._back.put
        )
        self._batch = self._new_batch()
        self._frames: set[Frame] = set()  # whose directories are open
        self.counts = ArchiveCounts()
        self.problems: list[Problem] = []

    def close(self) -> None:
        """Ends all threads and helpers, then closes what they were reading."""
        self._small.close()
        self._long.close()
        for frame in self._frames:
            frame.opened.close()

    def directory(self, path: bytes, parent: BlobId | None, inside: bytes | None = None) -> BlobId:
        """Stores the tree at `path`, which must be a directory, and returns its id. Raises OSError if it cannot be listed.

        `parent` is the same directory in an earlier backup whose unchanged files need not be read. `inside` is where the
        selection's patterns find it, if that is not `path`; b"" makes it their root.
        """
        if inside is None:
            inside = b"" if path == b"/" else path
        root = self._open(path, inside, parent, None)
        device = os.fstat(root.opened.fd).st_dev
        frame: Frame | None = root
        while frame is not None:
            self._cancel.check()
            self._back.take()
            if frame.subdirectories:
                frame = self._enter(frame, frame.subdirectories.popleft(), device) or frame
                continue
            frame.is_walked = True
            walked, frame = frame, frame.above
            self._finish_complete(walked)
        if self._batch.files:
            self._send_batch()
        self._back.wait_until(lambda: root.tree is not None)
        assert root.tree is not None
        return root.tree

    def single(self, path: bytes, entry: Entry, parent: BlobId | None) -> bytes:
        """Stores one entry that is no directory and returns its encoded node; of a block device its whole content.

        `parent` is its directory in an earlier backup. Raises OSError if it cannot be read.
        """
        if entry.type not in (EntryType.FILE, EntryType.BLOCK_DEVICE):
            return encode_node(node_of(entry))
        frame = Frame(open_directory_only(os.path.dirname(path)), b"", None, self._nodes_before(parent))
        self._frames.add(frame)
        if entry.type is EntryType.FILE and self._reuse(frame, entry):
            self._progress.advance(1, entry.size)
        else:
            frame.missing += 1
            self._long.submit(frame, entry)
        self._back.wait_until(lambda: not frame.missing)
        self._close(frame)
        stored = frame.nodes.get(entry.name)
        if stored is None:
            raise OSError(self.problems.pop().why)
        return stored

    def _enter(self, above: Frame, entry: Entry, device: int) -> Frame | None:
        path = os.path.join(above.opened.path, entry.name)
        if self._selection.one_file_system and entry.device != device:
            above.nodes[entry.name] = encode_node(node_of(entry, subtree=self._empty()))
            return None
        old = above.before.get(entry.name)
        parent = BlobId.parse(old.node.subtree) if old is not None and old.node.subtree else None
        try:
            frame = self._open(path, above.inside + b"/" + entry.name, parent, above)
        except OSError as error:
            self._unreadable(Unreadable(path, error.strerror or str(error)))
            above.nodes[entry.name] = encode_node(node_of(entry, subtree=self._empty()))
            return None
        frame.entry = entry
        above.missing += 1
        return frame

    def _open(self, path: bytes, inside: bytes, parent: BlobId | None, above: Frame | None) -> Frame:
        """Opens a directory and begins to store everything in it but its subdirectories."""
        opened = open_directory(path, above.opened if above else None)
        frame = Frame(opened, inside, above, self._nodes_before(parent))
        self._frames.add(frame)
        for fault in opened.unreadable:
            self._unreadable(fault)
        entries, opened.entries = opened.entries, []
        if self._selection.is_cache(opened.fd, (entry.name for entry in entries)):
            entries = [entry for entry in entries if entry.name == CACHE_TAG_NAME]
        if self._selection.has_patterns:
            entries = [entry for entry in entries if self._keeps(inside, entry)]
        files, size = self.counts.files_unmodified, self.counts.bytes
        for entry in entries:
            if entry.type is EntryType.DIRECTORY:
                frame.subdirectories.append(entry)
            elif entry.type is not EntryType.FILE:
                frame.nodes[entry.name] = encode_node(node_of(entry))
            elif not (frame.before and self._reuse(frame, entry)):
                self._store(frame, entry)
        self._progress.advance(self.counts.files_unmodified - files, self.counts.bytes - size)
        return frame

    def _keeps(self, inside: bytes, entry: Entry) -> bool:
        return self._selection.keeps(inside + b"/" + entry.name, is_directory=entry.type is EntryType.DIRECTORY)

    def _reuse(self, frame: Frame, entry: Entry) -> bool:
        """Whether the file is as the parent has it, and all of it is still in the repository; then it is done."""
        old = frame.before.get(entry.name)
        if old is None or not is_unchanged(entry, old.node):
            return False
        for blob_id in old.node.content or ():
            if not self._has(blob_id):
                return False  # reading it anew heals the backup
        frame.nodes[entry.name] = update_file(entry, old)
        self.counts.files_unmodified += 1
        self.counts.files += 1
        self.counts.bytes += entry.size
        return True

    def _has(self, blob_id: str) -> bool:
        try:
            return self._repository.index.has(BlobType.DATA, BlobId.parse(blob_id))
        except DamagedData:
            return False

    def _store(self, frame: Frame, entry: Entry) -> None:
        frame.missing += 1
        if entry.size > MIN_SIZE:
            self._long.submit(frame, entry)
            return
        self._batch.add(frame, entry)
        if self._batch.is_full:
            self._send_batch()

    def _send_batch(self) -> None:
        self._cancel.check()
        batch, self._batch = self._batch, self._new_batch()
        self._small.submit(batch)

    def _new_batch(self) -> StoreBatch:
        return StoreBatch(self._writer, self._repository.key)

    def _enter_result(self, result: StoreBatch | LongFile) -> None:
        if isinstance(result, LongFile):
            self._enter_long(result)
            return
        size = 0
        for (frame, entry), stored in zip(result.files, result.stored, strict=True):
            if stored.why:
                self._unreadable(Unreadable(os.path.join(frame.opened.path, entry.name), stored.why))
            if stored.node is not None:
                self._add_file(frame, entry.name, stored.node, stored.size)
                size += stored.size
            frame.missing -= 1
        self._progress.advance(len(result.files), size)
        for frame in result.frames:
            self._finish_complete(frame)

    def _enter_long(self, file: LongFile) -> None:
        if file.fault is not None:
            self._unreadable(file.fault)
        if file.content is not None:
            node = encode_file(file.entry, encode_content(file.content))
            self._add_file(file.frame, file.entry.name, node, file.entry.size)
        self._progress.advance(1, 0)  # its bytes were told while it was read
        file.frame.missing -= 1
        self._finish_complete(file.frame)

    def _finish_complete(self, complete: Frame) -> None:
        """Stores the directory if all of it is there, and those above that this makes complete."""
        frame: Frame | None = complete
        while frame is not None and frame.is_walked and not frame.missing and frame.tree is None:
            frame.tree = self._writer.save(BlobType.TREE, join_nodes(frame.nodes[name] for name in sorted(frame.nodes)))
            frame.nodes.clear()
            self._close(frame)
            above, entry = frame.above, frame.entry
            if above is not None and entry is not None:
                self._count_directory(above, entry, frame.tree)
                above.nodes[entry.name] = encode_node(node_of(entry, subtree=frame.tree))
                above.missing -= 1
            frame = above

    def _close(self, frame: Frame) -> None:
        frame.opened.close()
        self._frames.discard(frame)

    def _add_file(self, frame: Frame, name: bytes, node: bytes, size: int) -> None:
        frame.nodes[name] = node
        if name in frame.before:
            self.counts.files_changed += 1
        else:
            self.counts.files_new += 1
        self.counts.files += 1
        self.counts.bytes += size

    def _empty(self) -> BlobId:
        return self._writer.save(BlobType.TREE, join_nodes(()))

    def _nodes_before(self, parent: BlobId | None) -> dict[bytes, Known]:
        if parent is None:
            return {}
        try:
            return decode_known(self._repository.reader.load(BlobType.TREE, parent))
        except DamagedData:
            return {}  # then everything is read, which heals the backup

    def _count_directory(self, above: Frame, entry: Entry, tree: BlobId) -> None:
        old = above.before.get(entry.name)
        if old is None or old.node.subtree is None:
            self.counts.dirs_new += 1
        elif old.node.subtree == tree.hex():
            self.counts.dirs_unmodified += 1
        else:
            self.counts.dirs_changed += 1

    def _unreadable(self, fault: Unreadable) -> None:
        name = self._called(fault.path).decode("utf-8", "backslashreplace")
        self.problems.append(
            Problem(f"{name} was not saved whole", fault.why, "Correct it and back up again; the rest was saved.")
        )
