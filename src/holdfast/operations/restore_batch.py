"""A batch of small files on its way out of the repository: opened, proved, written, by a helper or here.

A helper's talk: nodes, directories and sealed blobs → what went wrong. The helper has no store: the blobs are read by the process
that has it, and those that turn out damaged come back to it, which may find another copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.operations.channel import Channel
from holdfast.operations.file_process import FileProcess
from holdfast.operations.nodes import check_size, entry_of
from holdfast.operations.restore_frame import RestoreFrame
from holdfast.repository.blob import open_blob
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import BlobReader, SealedBlob
from holdfast.repository.tree import content_ids, decode_node
from holdfast.volumes.writing import NewFile, TargetDirectory

TASK = ord("R")

_MOST_FILES = 128
_MOST_BYTES = 2 << 20
_MOST_DIRECTORIES = 32


class Written(msgspec.Struct, array_like=True, gc=False):
    """What became of a file. All empty: it is as the backup has it."""

    unset: list[str] = []  # metadata that could not be set
    error: str = ""  # why the file system did not take it
    damage: str = ""  # why the repository could not give it
    is_different: bool = False  # when it was read back

    @property
    def is_there(self) -> bool:
        """Whether the file has its name."""
        return not self.error and not self.damage


class SmallFile(NamedTuple):
    """A file of at most one blob."""

    frame: RestoreFrame
    name: bytes
    size: int
    node: bytes  # encoded
    blob_id: BlobId | None


class _Request(msgspec.Struct, array_like=True, frozen=True):
    """Before the sealed blobs of all files, joined."""

    files: list[tuple[int, bytes, int, int]]  # directory, node, length of its sealed blob, and its plain length
    as_owner: bool
    verify: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(_Request).decode
_decode_written = msgspec.msgpack.Decoder(list[Written | None]).decode

_EMPTY = SealedBlob(memoryview(b""), 0)


class RestoreBatch:
    """Files of a few directories, each of at most one blob, that are written together; a Job."""

    def __init__(self, reader: BlobReader, *, as_owner: bool, verify: bool) -> None:
        self._reader = reader
        self._as_owner = as_owner
        self._verify = verify
        self._size = 0
        self.frames: list[RestoreFrame] = []
        self.files: list[SmallFile] = []
        self.written: Sequence[Written | None] = ()  # in the order of `files`, once it is done; None: all is well

    def add(self, file: SmallFile) -> None:
        """Files of one frame come one after the other."""
        if not self.frames or self.frames[-1] is not file.frame:
            self.frames.append(file.frame)
        self.files.append(file)
        self._size += file.size

    @property
    def is_full(self) -> bool:
        return len(self.files) >= _MOST_FILES or self._size >= _MOST_BYTES or len(self.frames) >= _MOST_DIRECTORIES

    def here(self) -> None:
        self.written = [self._write(file) for file in self.files]

    def by(self, helper: FileProcess) -> None:
        places = {id(frame): place for place, frame in enumerate(self.frames)}
        sealed = iter(self._reader.read_sealed_many(file.blob_id for file in self.files if file.blob_id))
        files, bodies, late = [], [], []
        for number, file in enumerate(self.files):
            blob = _EMPTY if file.blob_id is None else next(sealed)
            if isinstance(blob, DamagedData):
                late.append(number)
                continue
            files.append((places[id(file.frame)], file.node, len(blob.body), blob.plain_length))
            bodies.append(blob.body)
        request = _Request(files, self._as_owner, self._verify)
        descriptors = [frame.target.fd for frame in self.frames]
        helper.send(bytes((TASK,)), _encode(request), descriptors=descriptors)
        helper.send(b"".join(bodies))
        written = list(_decode_written(helper.receive()))
        for number in late:
            written.insert(number, Written(damage="its blob could not be read"))
        for number, result in enumerate(written):
            if result is not None and result.damage:
                written[number] = self._write(self.files[number])  # another copy may be whole
        self.written = written

    def _write(self, file: SmallFile) -> Written | None:
        return write_file(
            file.frame.target,
            file.node,
            lambda blob_id: self._reader.load(BlobType.DATA, blob_id),
            as_owner=self._as_owner,
            verify=self._verify,
        )


def serve(key: SealingKey, channel: Channel, request: memoryview, directories: Sequence[int]) -> None:
    """The helper's side."""
    asked = _decode_request(request)
    bodies = channel.receive()[0]
    targets = [TargetDirectory(descriptor) for descriptor in directories]
    start, written = 0, []
    for place, node, length, plain_length in asked.files:
        body = bodies[start : start + length]
        start += length

        def load(blob_id: BlobId, body: memoryview = body, plain_length: int = plain_length) -> bytes:
            return open_blob(key, blob_id, body, plain_length)

        written.append(write_file(targets[place], node, load, as_owner=asked.as_owner, verify=asked.verify))
    channel.send(_encode(written))


def write_file(
    target: TargetDirectory, encoded: bytes, load: Callable[[BlobId], bytes], *, as_owner: bool, verify: bool
) -> Written | None:
    """Writes one file of at most one blob; None if all went well."""
    try:
        node = decode_node(encoded)
        entry = entry_of(node)
        content = b"".join(load(blob_id) for blob_id in content_ids(node))
        check_size(node.size, len(content))
    except DamagedData as error:
        return Written(damage=str(error))
    try:
        file = NewFile(target, entry.name, len(content))
        try:
            file.write(content, 0)
            unset = file.commit(entry, as_owner=as_owner)
        except BaseException:
            file.discard()
            raise
        is_different = verify and not _is_same(target, entry.name, content)
    except OSError as error:
        return Written(error=error.strerror or str(error))
    return Written(unset=unset, is_different=is_different) if unset or is_different else None


def _is_same(target: TargetDirectory, name: bytes, content: bytes) -> bool:
    return b"".join(target.read(name, [len(content)])) == content
