"""File trees out of a repository: nodes and blobs become entries that `holdfast.volumes` writes.

This walk goes directory by directory, depth first, in one thread. Small files leave it in batches, long ones one by one, and are
written in any order; a directory gets its own metadata when all that is in it is in its place. What is lost in the repository or
refused by the file system is named; the rest goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.operations.file_work import Written
from holdfast.operations.helpers import Helpers
from holdfast.operations.long_writes import LongWrite, LongWrites
from holdfast.operations.nodes import entry_of
from holdfast.operations.restore_batch import RestoreBatch, SmallFile
from holdfast.operations.restore_frame import RestoreFrame
from holdfast.operations.returns import Returns
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.tree import Node, NodeType, content_ids, decode_with_text, subtree_id
from holdfast.volumes.entry import Entry
from holdfast.volumes.writing import TargetDirectory


@dataclass(slots=True)
class ExtractCounts:
    files: int = 0
    directories: int = 0
    others: int = 0
    bytes: int = 0
    deleted: int = 0
    verified: int = 0


class Extractor:
    """One restore of a tree into a directory. `counts` and `problems` say what came of it. Used by one thread; close it."""

    def __init__(
        self,
        repository: Repository,
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
        self._repository = repository
        self._reader = repository.reader
        self._cancel = cancel
        self._progress = progress
        self._wanted = wanted
        self._exact = exact
        self._verify = verify
        self._as_owner = os.geteuid() == 0 if as_owner is None else as_owner
        self._back = Returns[RestoreBatch | LongWrite](cancel, self._enter_result)
        self._small = Helpers[RestoreBatch](repository.key, cancel, done=self._back.put)
        self._long = LongWrites(
            repository,
            cancel,
            progress,
            as_owner=self._as_owner,
            verify=verify,
            done=self._back.put,
        )
        self._batch = self._new_batch()
        self._frames: set[RestoreFrame] = set()  # whose directories are open
        self._links: dict[tuple[int, int], tuple[bytes, bytes]] = {}  # (device, inode) → (directory, name)
        self._root: TargetDirectory
        self._inside = b""  # path of the root
        self._spared: Collection[bytes] = ()
        self.counts = ExtractCounts()
        self.problems: list[Problem] = []

    def close(self) -> None:
        """Ends all threads and helpers, then closes what they were writing into; not even a killed helper's half file stays."""
        self._small.close()
        self._long.close()
        for frame in self._frames:
            if not frame.is_finished:
                frame.target.sweep(self._small.pids)
            frame.target.close()

    def expect(self, files: int) -> None:
        """Prepares for so many files, while there is something to wait for."""
        self._small.expect(files)

    def extract(self, tree: BlobId, target: bytes, *, inside: bytes = b"", spared: Collection[bytes] = ()) -> None:
        """Writes the tree into the directory `target`. Raises OSError if that cannot be made, DamagedData for the root.

        `inside` is the path of the tree in the backup; paths that are asked about and told begin with it. `spared` are paths
        in an exact directory that are not removed.
        """
        self._spared = spared
        self._root, self._inside = TargetDirectory.root(target), inside
        root = RestoreFrame(self._root, inside, None, None)
        self._frames.add(root)
        self._fill(root, self._reader.load(BlobType.TREE, tree))
        frame: RestoreFrame | None = root
        while frame is not None:
            self._cancel.check()
            self._back.take()
            if frame.subdirectories:
                frame = self._enter(frame, *frame.subdirectories.popleft())
                continue
            frame.is_walked = True
            walked, frame = frame, frame.above
            self._finish_complete(walked)
        if self._batch.files:
            self._send_batch()
        self._back.wait_until(lambda: root.is_finished)

    def _enter(self, above: RestoreFrame, entry: Entry, tree: BlobId) -> RestoreFrame:
        path = above.path + b"/" + entry.name
        try:
            target = above.target.enter(entry.name)
        except OSError as error:
            self._refused(path, error.strerror or str(error))
            return above
        frame = RestoreFrame(target, path, above, entry)
        self._frames.add(frame)
        above.missing += 1
        self.counts.directories += 1
        try:
            self._fill(frame, self._reader.load(BlobType.TREE, tree))
        except DamagedData as error:
            self.problems.append(Problem.of(error, _shown(path)))
        return frame

    def _fill(self, frame: RestoreFrame, tree: bytes) -> None:
        """Begins to write everything in a directory but its subdirectories. Raises DamagedData, maybe after some of it."""
        if self._exact(frame.path):
            self._remove_others(frame, {name: node.type for name, node, _ in decode_with_text(tree)})
        for name, node, text in decode_with_text(tree):
            path = frame.path + b"/" + name
            wanted = self._wanted(path)
            if wanted is False or (wanted is None and node.type is not NodeType.DIRECTORY):
                continue
            try:
                self._write(frame, name, node, text)
            except OSError as error:
                self._refused(path, error.strerror or str(error))
            except DamagedData as error:
                self.problems.append(Problem.of(error, _shown(path)))

    def _write(self, frame: RestoreFrame, name: bytes, node: Node, text: msgspec.Raw) -> None:
        """Raises OSError, DamagedData."""
        if node.type is NodeType.FILE and node.links <= 1:
            self._write_file(frame, name, node, text)
            return
        entry = entry_of(node)
        if node.type is NodeType.DIRECTORY:
            frame.subdirectories.append((entry, subtree_id(node)))
        elif node.type is not NodeType.FILE:
            path = frame.path + b"/" + entry.name
            self._unset(path, frame.target.special(entry, as_owner=self._as_owner))
            self.counts.others += 1
        elif self._is_linked(frame, entry):
            self.counts.files += 1
            self._progress.advance(1, entry.size)
        else:
            self._write_linked(frame, entry, node, text)

    def _write_linked(self, frame: RestoreFrame, entry: Entry, node: Node, text: msgspec.Raw) -> None:
        """A file of several names, now, for the others need it. Raises OSError, DamagedData."""
        content = content_ids(node)
        if len(content) > 1:
            write = self._long.submit(frame, entry, content)
            frame.missing += 1
            self._back.wait_until(lambda: write.is_done)
            is_there = write.is_there
        else:
            frame.missing += 1
            batch = self._new_batch()
            batch.add(SmallFile(frame, entry.name, node.size, bytes(text), content[0] if content else None))
            batch.here()
            self._enter_result(batch)
            is_there = batch.written[0] is None or batch.written[0].is_there
        if is_there:
            self._links[entry.device, entry.inode] = (frame.path.removeprefix(self._inside), entry.name)

    def _write_file(self, frame: RestoreFrame, name: bytes, node: Node, text: msgspec.Raw) -> None:
        content = content_ids(node)
        if len(content) > 1:
            self._long.submit(frame, entry_of(node), content)
            frame.missing += 1
            return
        frame.missing += 1
        self._batch.add(SmallFile(frame, name, node.size, bytes(text), content[0] if content else None))
        if self._batch.is_full:
            self._send_batch()

    def _remove_others(self, frame: RestoreFrame, nodes: dict[bytes, NodeType]) -> None:
        """Also directories that have the name of something else. Before the rest, because they would be in the way."""
        try:
            names = frame.target.names()
        except OSError as error:
            self._refused(frame.path, error.strerror or str(error))
            return
        for name in names:
            self._cancel.check()
            node_type = nodes.get(name)
            if frame.path + b"/" + name in self._spared:
                continue
            try:
                if node_type is None or (node_type is not NodeType.DIRECTORY and frame.target.is_directory(name)):
                    frame.target.remove(name)
                    self.counts.deleted += 1
            except OSError as error:
                why = error.strerror or str(error)
                what = f"{_shown(frame.path + b'/' + name)} was not deleted"
                self.problems.append(Problem(what, why, "Correct it and restore again."))

    def _new_batch(self) -> RestoreBatch:
        return RestoreBatch(self._repository, as_owner=self._as_owner, verify=self._verify)

    def _send_batch(self) -> None:
        self._cancel.check()
        batch, self._batch = self._batch, self._new_batch()
        self._small.submit(batch)

    def _enter_result(self, result: RestoreBatch | LongWrite) -> None:
        if isinstance(result, LongWrite):
            self._enter_long(result)
            return
        good = 0
        size = 0
        for file, written in zip(result.files, result.written, strict=True):
            file.frame.missing -= 1
            if written is None or self._is_there(file, written):
                good += 1
                size += file.size
        self.counts.files += good
        self.counts.bytes += size
        if self._verify:
            self.counts.verified += result.written.count(None)
        self._progress.advance(good, size)
        for frame in result.frames:
            self._finish_complete(frame)

    def _is_there(self, file: SmallFile, written: Written) -> bool:
        """Whether a file with which not all went well has its name at least; says what went wrong."""
        path = file.frame.path + b"/" + file.name
        if written.damage:
            damaged = DamagedData("it cannot be read from the repository", why=written.damage)
            self.problems.append(Problem.of(damaged, _shown(path)))
        if written.error:
            self._refused(path, written.error)
        self._unset(path, written.unset)
        if written.is_there:
            self._compared(path, is_same=not written.is_different)
        return written.is_there

    def _enter_long(self, write: LongWrite) -> None:
        path = write.frame.path + b"/" + write.entry.name
        if write.damage is not None:
            self.problems.append(Problem.of(write.damage, _shown(path)))
        if write.error is not None:
            self._refused(path, write.error.strerror or str(write.error))
        self._unset(path, write.unset)
        if write.is_there:
            self._compared(path, is_same=not write.is_different)
            self.counts.files += 1
            self.counts.bytes += write.entry.size
            self._progress.advance(1, 0)  # its bytes were told while it was written
        write.is_done = True
        write.frame.missing -= 1
        self._finish_complete(write.frame)

    def _compared(self, path: bytes, *, is_same: bool) -> None:
        """A difference is a problem of the file system, since every blob was proved before."""
        if not is_same:
            what = f"{_shown(path)} is not what was written"
            self.problems.append(Problem(what, "it differs when read back", "Check the disk; restore again."))
        elif self._verify:
            self.counts.verified += 1

    def _finish_complete(self, complete: RestoreFrame) -> None:
        """Gives the directory its metadata if all of it is there, and those above that this makes complete."""
        frame: RestoreFrame | None = complete
        while frame is not None and frame.is_walked and not frame.missing and not frame.is_finished:
            if frame.entry is not None:
                self._unset(frame.path, frame.target.finish(frame.entry, as_owner=self._as_owner))
            frame.is_finished = True
            if frame.target is not self._root:  # hard links are made from it
                frame.target.close()
                self._frames.discard(frame)
            if frame.above is not None:
                frame.above.missing -= 1
            frame = frame.above

    def _is_linked(self, frame: RestoreFrame, entry: Entry) -> bool:
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

    def _refused(self, path: bytes, why: str) -> None:
        self.problems.append(Problem(f"{_shown(path)} was not restored", why, "Correct it and restore again."))


_RIGHTS = "Restore as root, or into a file system that knows these attributes."


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
