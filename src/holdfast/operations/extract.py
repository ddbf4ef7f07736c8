"""File trees out of a repository: nodes and blobs become entries that `holdfast.volumes` writes.

Directory by directory, depth first. The small files of a directory are read in the order in which their packs hold them, long
ones by a few threads ahead of the writer. What is lost in the repository or refused by the file system is named; the rest goes
on.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.nodes import entry_of
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader
from holdfast.repository.tree import Node, NodeType, content_ids, subtree_id
from holdfast.volumes.entry import Entry
from holdfast.volumes.writing import NewFile, TargetDirectory

_READ_THREADS = 3
_READS_WAITING = 4  # blobs of at most 8 MiB each
_BATCH_BYTES = 32 << 20


@dataclass(slots=True)
class ExtractCounts:
    files: int = 0
    directories: int = 0
    others: int = 0
    bytes: int = 0
    deleted: int = 0
    verified: int = 0


@dataclass(slots=True)
class _File:
    entry: Entry
    content: list[BlobId]


@dataclass(slots=True)
class _Frame:
    """A directory whose subdirectories are still being written."""

    target: TargetDirectory
    path: bytes
    above: _Frame | None
    entry: Entry | None  # None for the target itself, which keeps its own metadata
    subdirectories: deque[tuple[Entry, BlobId]] = field(default_factory=deque)


class Extractor:
    """One restore of a tree into a directory. `counts` and `problems` say what came of it."""

    def __init__(
        self,
        reader: BlobReader,
        cancel: Cancel,
        progress: Progress,
        *,
        wanted: Callable[[bytes], bool | None] = lambda _: True,
        exact: Callable[[bytes], bool] = lambda _: False,
        verify: bool = False,
        as_owner: bool | None = None,
    ) -> None:
        """`wanted` of a path: True for all below it, None to look into it, False to pass by.

        `exact` says of a directory's path whether what the backup does not have is removed from it. `verify` reads every file
        back and compares it with the backup's ids. `as_owner` None means that ownership is restored exactly if this
        process is privileged.
        """
        self._reader = reader
        self._cancel = cancel
        self._progress = progress
        self._wanted = wanted
        self._exact = exact
        self._verify = verify
        self._as_owner = os.geteuid() == 0 if as_owner is None else as_owner
        self._pool = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="holdfast-extract")
        self._links: dict[tuple[int, int], tuple[bytes, bytes]] = {}  # (device, inode) → (directory, name)
        self._root: TargetDirectory
        self.counts = ExtractCounts()
        self.problems: list[Problem] = []

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def extract(self, tree: BlobId, target: bytes) -> None:
        """Writes the tree into the directory `target`. Raises OSError if that cannot be made, DamagedData for the root."""
        root = self._root = TargetDirectory.root(target)
        frame = _Frame(root, b"", None, None)
        try:
            self._fill(frame, self._reader.load_tree(tree))
            while True:
                self._cancel.check()
                if frame.subdirectories:
                    frame = self._enter(frame, *frame.subdirectories.popleft())
                    continue
                self._set_directory(frame)
                if frame.above is None:
                    return
                frame.target.close()
                frame = frame.above
        finally:
            open_frame: _Frame | None = frame
            while open_frame is not None:
                open_frame.target.close()
                open_frame = open_frame.above

    def _enter(self, above: _Frame, entry: Entry, tree: BlobId) -> _Frame:
        path = above.path + b"/" + entry.name
        try:
            target = above.target.enter(entry.name)
        except OSError as error:
            self._refused(path, error)
            return above
        frame = _Frame(target, path, above, entry)
        try:
            self._fill(frame, self._reader.load_tree(tree))
        except DamagedData as error:
            self.problems.append(Problem.of(error, _shown(path)))
        except BaseException:
            target.close()
            raise
        self.counts.directories += 1
        return frame

    def _set_directory(self, frame: _Frame) -> None:
        if frame.entry is not None:
            self._unset(frame.path, frame.target.finish(frame.entry, as_owner=self._as_owner))

    def _fill(self, frame: _Frame, nodes: list[Node]) -> None:
        """Everything in a directory but its subdirectories."""
        if self._exact(frame.path):
            self._remove_others(frame, {node.raw_name(): node for node in nodes})
        small: list[_File] = []
        size = 0
        for node in nodes:
            path = frame.path + b"/" + node.raw_name()
            wanted = self._wanted(path)
            if wanted is False or (wanted is None and node.type is not NodeType.DIRECTORY):
                continue
            try:
                file = self._write_or_defer(frame, node)
            except OSError as error:
                self._refused(path, error)
            except DamagedData as error:
                self.problems.append(Problem.of(error, _shown(path)))
            else:
                if file is not None:
                    small.append(file)
                    size += file.entry.size
                if size >= _BATCH_BYTES:
                    self._write_small(frame, small)
                    small, size = [], 0
        self._write_small(frame, small)

    def _write_or_defer(self, frame: _Frame, node: Node) -> _File | None:
        """Writes what is best written alone; gives back a small file. Raises OSError, DamagedData."""
        entry = entry_of(node)
        if node.type is NodeType.DIRECTORY:
            frame.subdirectories.append((entry, subtree_id(node)))
        elif node.type is not NodeType.FILE:
            path = frame.path + b"/" + entry.name
            self._unset(path, frame.target.special(entry, as_owner=self._as_owner))
            self.counts.others += 1
        elif self._is_linked(frame, entry):
            self.counts.files += 1
        elif len(content := content_ids(node)) <= 1:
            if entry.links == 1:
                return _File(entry, content)
            self._write_small(frame, [_File(entry, content)])  # now, for its other names may follow
        else:
            self._write_long(frame, _File(entry, content))
        return None

    def _remove_others(self, frame: _Frame, nodes: dict[bytes, Node]) -> None:
        """Also directories that have the name of something else. Before the rest, because they would be in the way."""
        try:
            names = frame.target.names()
        except OSError as error:
            self._refused(frame.path, error)
            return
        for name in names:
            self._cancel.check()
            node = nodes.get(name)
            try:
                if node is None or (node.type is not NodeType.DIRECTORY and frame.target.is_directory(name)):
                    frame.target.remove(name)
                    self.counts.deleted += 1
            except OSError as error:
                why = error.strerror or str(error)
                what = f"{_shown(frame.path + b'/' + name)} was not deleted"
                self.problems.append(Problem(what, why, "Correct it and restore again."))

    def _write_small(self, frame: _Frame, files: list[_File]) -> None:
        self._cancel.check()
        for file in files:
            if not file.content:
                self._write_one(frame, file, b"")
        for file, content in self._reader.load_many((file.content[0], file) for file in files if file.content):
            if isinstance(content, DamagedData):
                self.problems.append(Problem.of(content, _shown(frame.path + b"/" + file.entry.name)))
            else:
                self._write_one(frame, file, content)

    def _write_one(self, frame: _Frame, wanted: _File, content: bytes) -> None:
        try:
            file = NewFile(frame.target, wanted.entry.name)
            try:
                file.write(content)
                self._commit(frame, file, wanted)
            except BaseException:
                file.discard()
                raise
        except OSError as error:
            self._refused(frame.path + b"/" + wanted.entry.name, error)

    def _write_long(self, frame: _Frame, wanted: _File) -> None:
        """Raises OSError, DamagedData; then nothing is left under the file's name."""
        file = NewFile(frame.target, wanted.entry.name)
        waiting: deque[Future[bytes]] = deque()
        try:
            for blob_id in wanted.content:
                self._cancel.check()
                waiting.append(self._pool.submit(self._reader.load, BlobType.DATA, blob_id))
                if len(waiting) > _READS_WAITING:
                    self._append(file, waiting.popleft().result())
            while waiting:
                self._append(file, waiting.popleft().result())
            self._commit(frame, file, wanted)
        except BaseException:
            file.discard()
            raise

    def _append(self, file: NewFile, data: bytes) -> None:
        file.write(data)
        self._progress.advance(0, len(data))

    def _commit(self, frame: _Frame, file: NewFile, wanted: _File) -> None:
        entry = wanted.entry
        self._unset(frame.path + b"/" + entry.name, file.commit(entry, as_owner=self._as_owner))
        if entry.links > 1:
            self._links[entry.device, entry.inode] = (frame.path, entry.name)
        self.counts.files += 1
        self.counts.bytes += entry.size
        self._progress.advance(1, 0 if len(wanted.content) > 1 else entry.size)
        if self._verify:
            self._read_back(frame, wanted)

    def _read_back(self, frame: _Frame, wanted: _File) -> None:
        """Raises OSError. A difference is a problem of the file system, since every blob was proved before."""
        sizes = [self._reader.content_size(BlobType.DATA, blob_id) for blob_id in wanted.content]
        parts = frame.target.read(wanted.entry.name, sizes)
        if [BlobId.of(part) for part in parts] == wanted.content:
            self.counts.verified += 1
        else:
            path = _shown(frame.path + b"/" + wanted.entry.name)
            self.problems.append(
                Problem(
                    f"{path} is not what was written", "it differs when read back", "Check the disk; restore again."
                )
            )

    def _is_linked(self, frame: _Frame, entry: Entry) -> bool:
        """Whether the file is another name of one that was written already, and now has this name too."""
        first = self._links.get((entry.device, entry.inode)) if entry.links > 1 else None
        if first is None:
            return False
        directory, name = first
        try:
            frame.target.link(entry.name, self._root, directory.lstrip(b"/") + b"/" + name if directory else name)
        except OSError as error:
            what = f"{_shown(frame.path + b'/' + entry.name)} became a file of its own, not a hard link"
            self.problems.append(
                Problem(what, error.strerror or str(error), "Restore into one file system that has links.")
            )
            return False
        return True

    def _unset(self, path: bytes, failures: list[str]) -> None:
        if failures:
            why = ", ".join(failures)
            self.problems.append(Problem(f"{_shown(path)} lacks some of its metadata", why, _RIGHTS))

    def _refused(self, path: bytes, error: OSError) -> None:
        why = error.strerror or str(error)
        self.problems.append(Problem(f"{_shown(path)} was not restored", why, "Correct it and restore again."))


_RIGHTS = "Restore as root, or into a file system that knows these attributes."


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
