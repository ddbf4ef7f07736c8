"""A snapshot in the making, for programs that bring their own content: files go in, and one call publishes them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from holdfast.codec.chunker import Chunker, Source
from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.model.run import timestamp
from holdfast.repository.lock_file import own_hostname, own_username
from holdfast.repository.pack import BlobType
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_builder import TreeBuilder, TreeFile
from holdfast.repository.writer import BlobWriter
from holdfast.version import PROGRAM_VERSION


class NewSnapshot:
    """`Repository.new_snapshot` gives one. For one thread; `writer` may be used by others too.

    All files belong to root, with fixed modes; directories are made as paths need them.
    """

    def __init__(
        self,
        writer: BlobWriter,
        chunker: Chunker,
        save: Callable[[Snapshot], SnapshotId],
        *,
        clock: Clock,
        cancel: Cancel,
    ) -> None:
        self.writer = writer
        self._chunker = chunker
        self._save = save
        self._clock = clock
        self._cancel = cancel
        self._tree = TreeBuilder()

    def add(self, path: str, content: bytes | Source, *, modified: str = "") -> int:
        """Stores a file: bytes, or all that a stream has left, of which two chunks (16 MiB) are in memory at a time.

        `path` starts at the snapshot's root, with or without a slash; a path that is added again is replaced. `modified` is
        RFC 3339, as `format_time` gives it; "" for now. Returns the file's size in bytes. Raises ValueError for a path that
        no file can have, Cancelled between two chunks, and what reading the stream and the store raise.
        """
        names = _names(path)
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        blobs, size = bytearray(), 0
        for chunk in self._chunker.split(source):
            self._cancel.check()
            blobs += self.writer.save(BlobType.DATA, chunk)
            size += len(chunk)
        self._tree.add(names, TreeFile(bytes(blobs), size, modified or timestamp(self._clock.now())))
        return size

    def publish(
        self, *, paths: Sequence[str] = ("/",), tags: Sequence[str] = (), hostname: str = "", taken: str = ""
    ) -> SnapshotId:
        """Makes everything that was added reachable; until then nothing of it exists for others.

        `paths` and `hostname` (by default this one) say what the snapshot is of; restic groups by them. `taken` is its time,
        RFC 3339, "" for now. Raises LockLost, and whatever broke the writer before: then nothing is published.
        """
        tree = self._tree.save(self.writer)
        self.writer.flush()
        return self._save(
            Snapshot(
                time=taken or timestamp(self._clock.now()),
                tree=tree.hex(),
                paths=list(paths),
                hostname=hostname or own_hostname(),
                username=own_username(),
                tags=list(tags),
                program_version=PROGRAM_VERSION,
            )
        )


def _names(path: str) -> list[str]:
    names = [name for name in path.split("/") if name]
    path.encode()  # a ValueError for what is not text
    if not names or "\0" in path or {".", ".."} & set(names):
        raise ValueError(f"{path!r} cannot be the path of a file")
    return names
