"""A batch of small files on its way out of the repository: opened, proved, written, by a helper or here.

A helper's talk: nodes, directories and sealed blobs → what went wrong. The helper has no store: the blobs are read by the process
that has it, and those that turn out damaged come back to it, which may find another copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.operations.channel import Channel
from holdfast.operations.file_process import FileProcess
from holdfast.operations.nodes import entry_of
from holdfast.operations.restore_frame import RestoreFrame
from holdfast.repository.blob import open_blobs
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import SealedBlob
from holdfast.repository.repository import Repository
from holdfast.repository.tree import content_ids, decode_node
from holdfast.volumes.entry import Entry
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

    def __init__(self, repository: Repository, *, as_owner: bool, verify: bool) -> None:
        self._reader = repository.reader
        self._key = repository.key
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
        sealed = self._sealed_blobs()
        found = [
            (file, blob) for file, blob in zip(self.files, sealed, strict=True) if not isinstance(blob, DamagedData)
        ]
        wanted = [(file.frame.target, file.node, blob) for file, blob in found]
        self._take(sealed, write_files(self._key, wanted, as_owner=self._as_owner, verify=self._verify))

    def by(self, helper: FileProcess) -> None:
        places = {id(frame): place for place, frame in enumerate(self.frames)}
        sealed = self._sealed_blobs()
        found = [
            (file, blob) for file, blob in zip(self.files, sealed, strict=True) if not isinstance(blob, DamagedData)
        ]
        files = [(places[id(file.frame)], file.node, len(blob.body), blob.plain_length) for file, blob in found]
        request = _Request(files, self._as_owner, self._verify)
        descriptors = [frame.target.fd for frame in self.frames]
        helper.send(bytes((TASK,)), _encode(request), descriptors=descriptors)
        helper.send(b"".join([blob.body for _, blob in found]))
        self._take(sealed, _decode_written(helper.receive()))

    def _take(self, sealed: Sequence[SealedBlob | DamagedData], written: Iterable[Written | None]) -> None:
        """`written` is of those files whose blobs could be read."""
        answers = iter(written)
        self.written = [
            self._again(file) if isinstance(blob, DamagedData) or ((one := next(answers)) and one.damage) else one
            for file, blob in zip(self.files, sealed, strict=True)
        ]

    def _sealed_blobs(self) -> list[SealedBlob | DamagedData]:
        """In the order of the files; an empty one for files without content."""
        blobs = iter(self._reader.read_sealed_many(file.blob_id for file in self.files if file.blob_id is not None))
        return [_EMPTY if file.blob_id is None else next(blobs) for file in self.files]

    def _again(self, file: SmallFile) -> Written | None:
        """Another copy of its blob may be whole."""
        try:
            entry = entry_of(decode_node(file.node))
            content = self._reader.load(BlobType.DATA, file.blob_id) if file.blob_id is not None else b""
        except DamagedData as error:
            return Written(damage=str(error))
        return _write(file.frame.target, entry, content, as_owner=self._as_owner, verify=self._verify)


def serve(key: SealingKey, channel: Channel, request: memoryview, directories: Sequence[int]) -> None:
    """The helper's side."""
    asked = _decode_request(request)
    bodies = channel.receive()[0]
    targets = [TargetDirectory(descriptor) for descriptor in directories]
    start, files = 0, []
    for place, node, length, plain_length in asked.files:
        files.append((targets[place], node, SealedBlob(bodies[start : start + length], plain_length)))
        start += length
    channel.send(_encode(write_files(key, files, as_owner=asked.as_owner, verify=asked.verify)))


def write_files(
    key: SealingKey, files: Sequence[tuple[TargetDirectory, bytes, SealedBlob]], *, as_owner: bool, verify: bool
) -> list[Written | None]:
    """Writes files of at most one blob each, given where, their nodes and their blobs. None for each that went well.

    Stage by stage for all of them, because a kernel that runs many times in a row is several times faster than when all take
    turns.
    """
    decoded = [_decode(node) for _, node, _ in files]
    opened = iter(
        open_blobs(
            key,
            [
                (content[0], blob.body, blob.plain_length)
                for (_, content), (*_, blob) in zip(decoded, files, strict=True)
                if content
            ],
        )
    )
    written: list[Written | None] = []
    for (entry, content), (target, *_) in zip(decoded, files, strict=True):
        plain = next(opened) if content else b""
        if isinstance(entry, DamagedData) or isinstance(plain, DamagedData):
            written.append(Written(damage=str(entry if isinstance(entry, DamagedData) else plain)))
        else:
            written.append(_write(target, entry, plain, as_owner=as_owner, verify=verify))
    return written


def _decode(encoded: bytes) -> tuple[Entry | DamagedData, list[BlobId]]:
    try:
        node = decode_node(encoded)
        return entry_of(node), content_ids(node)
    except DamagedData as error:
        return error, []


def _write(target: TargetDirectory, entry: Entry, content: bytes, *, as_owner: bool, verify: bool) -> Written | None:
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
