"""A batch of small files on its way into the repository, stored here or by a helper.

What a helper sealed is packed and stored by this process, which has the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from holdfast.codec.crypto import SealingKey
from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.operations.file_process import FileProcess
from holdfast.operations.file_work import (
    MOST_BYTES,
    MOST_DIRECTORIES,
    MOST_FILES,
    Stored,
    Wanted,
    read_batch,
    seal_batch,
)
from holdfast.operations.frame import Frame
from holdfast.operations.helper import STORE, decode_stored, encode
from holdfast.repository.blob import Sealed
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry


class StoreBatch:
    """Files of a few directories that are stored together; a Job. Its frames keep their directories open meanwhile."""

    def __init__(self, writer: BlobWriter, key: SealingKey) -> None:
        self._writer = writer
        self._key = key
        self._size = 0
        self.frames: list[Frame] = []
        self.files: list[tuple[Frame, Entry]] = []
        self.stored: Sequence[Stored] = ()  # in the order of `files`, once it is done

    def add(self, frame: Frame, entry: Entry) -> None:
        """Files of one frame come one after the other."""
        if not self.frames or self.frames[-1] is not frame:
            self.frames.append(frame)
        self.files.append((frame, entry))
        self._size += entry.size

    @property
    def is_full(self) -> bool:
        return len(self.files) >= MOST_FILES or self._size >= MOST_BYTES or len(self.frames) >= MOST_DIRECTORIES

    def here(self) -> None:
        hashed = read_batch(self._wanted(), self._descriptors())
        claimed = self._writer.claim(BlobType.DATA, hashed.ids)
        self._writer.add(BlobType.DATA, seal_batch(self._key, hashed, claimed))
        self.stored = hashed.stored

    def by(self, helper: FileProcess) -> None:
        helper.send(bytes((STORE,)), encode(self._wanted()), descriptors=self._descriptors())
        digests = helper.receive()
        ids = [BlobId(digests[at : at + DIGEST_SIZE]) for at in range(0, len(digests), DIGEST_SIZE)]
        claimed = self._writer.claim(BlobType.DATA, ids)
        helper.send(bytes(claimed))
        answer = decode_stored(helper.receive())
        if any(claimed):
            self._writer.add(BlobType.DATA, _cut(compress(ids, claimed), answer.lengths, helper.receive()))
        self.stored = answer.stored

    def _wanted(self) -> list[Wanted]:
        places = {id(frame): place for place, frame in enumerate(self.frames)}
        return [Wanted(places[id(frame)], entry.name) for frame, entry in self.files]

    def _descriptors(self) -> list[int]:
        return [frame.opened.fd for frame in self.frames]


def _cut(ids: Iterable[BlobId], lengths: Iterable[tuple[int, int]], bodies: memoryview) -> Iterator[Sealed]:
    start = 0
    for blob_id, (length, plain_length) in zip(ids, lengths, strict=True):
        yield Sealed(blob_id, bodies[start : start + length], plain_length)
        start += length
