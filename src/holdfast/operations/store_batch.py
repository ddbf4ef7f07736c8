"""A batch of small files on its way into the repository: read, hashed, compressed, sealed, here or by a helper.

Stage by stage for the whole batch, because a kernel that runs many times in a row is several times faster than when all take
turns. A helper's talk: names and directories → the digests of what was read → which of them are new → nodes, and the new
blobs sealed. What it sealed is packed and stored by the process that has the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.ids import DIGEST_SIZE, BlobId
from holdfast.operations.channel import Channel
from holdfast.operations.file_process import FileProcess
from holdfast.operations.frame import Frame
from holdfast.operations.nodes import encode_content, encode_file
from holdfast.repository.blob import Sealed, compress_blob, seal_blobs
from holdfast.repository.pack import BlobType
from holdfast.repository.writer import BlobWriter
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import read_small_files

TASK = ord("S")

_MOST_FILES = 128
_MOST_BYTES = 2 << 20
_MOST_DIRECTORIES = 32


class Wanted(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A file to be read: its name in one of the batch's directories."""

    directory: int
    name: bytes


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What became of a file. `node` is None for one that could not be read, `why` empty for one that was read whole."""

    node: bytes | None
    size: int
    why: str = ""


class _Answer(msgspec.Struct, array_like=True, frozen=True):
    """Before the sealed blobs themselves."""

    stored: list[Stored]
    lengths: list[tuple[int, int]]  # of each sealed blob, and its plain length


_encode = msgspec.msgpack.Encoder().encode
_decode_wanted = msgspec.msgpack.Decoder(list[Wanted]).decode
_decode_answer = msgspec.msgpack.Decoder(_Answer).decode


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
        return len(self.files) >= _MOST_FILES or self._size >= _MOST_BYTES or len(self.frames) >= _MOST_DIRECTORIES

    def here(self) -> None:
        hashed = _read(self._wanted(), self._descriptors())
        claimed = self._writer.claim(BlobType.DATA, hashed.ids)
        self._writer.add(BlobType.DATA, _seal(self._key, hashed, claimed))
        self.stored = hashed.stored

    def by(self, helper: FileProcess) -> None:
        helper.send(bytes((TASK,)), _encode(self._wanted()), descriptors=self._descriptors())
        digests = helper.receive()
        ids = [BlobId(digests[at : at + DIGEST_SIZE]) for at in range(0, len(digests), DIGEST_SIZE)]
        claimed = self._writer.claim(BlobType.DATA, ids)
        helper.send(bytes(claimed))
        answer = _decode_answer(helper.receive())
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


def serve(key: SealingKey, channel: Channel, request: memoryview, directories: Sequence[int]) -> None:
    """The helper's side."""
    hashed = _read(_decode_wanted(request), directories)
    channel.send(b"".join(hashed.ids))
    claimed = [bool(one) for one in channel.receive()[0]]
    sealed = _seal(key, hashed, claimed)
    channel.send(_encode(_Answer(hashed.stored, [(len(blob.body), blob.plain_length) for blob in sealed])))
    if sealed:
        channel.send(b"".join([blob.body for blob in sealed]))


class _Hashed(NamedTuple):
    stored: list[Stored]  # in the order of the files that were wanted
    ids: list[BlobId]  # of those with content
    contents: list[bytes]


def _read(files: Iterable[Wanted], descriptors: Sequence[int]) -> _Hashed:
    read = [
        file
        for directory, group in groupby(files, key=lambda wanted: wanted.directory)
        for file in read_small_files(descriptors[directory], [wanted.name for wanted in group])
    ]
    contents = [file.content for file in read if file.content]
    ids = [BlobId.of(content) for content in contents]
    remaining = iter(ids)
    stored = []
    for entry, content, why in read:
        if entry is None:
            stored.append(Stored(None, 0, why))
        else:
            blobs = encode_content((next(remaining),) if content else ())
            stored.append(Stored(encode_file(entry, blobs), entry.size, why))
    return _Hashed(stored, ids, contents)


def _seal(key: SealingKey, batch: _Hashed, claimed: Iterable[bool]) -> list[Sealed]:
    new = compress(zip(batch.ids, batch.contents, strict=True), claimed)
    return seal_blobs(key, [compress_blob(blob_id, content) for blob_id, content in new])
