"""A batch of small files on its way out of the repository, written here or by a helper.

The blobs are read by this process, which has the store; those that turn out damaged come back to it, which may find another copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.operations.file_process import FileProcess
from holdfast.operations.file_work import (
    MOST_BYTES,
    MOST_DIRECTORIES,
    MOST_FILES,
    SealedFile,
    Written,
    write_file,
    write_files,
)
from holdfast.operations.helper import RESTORE, RestoreRequest, decode_written, encode
from holdfast.operations.nodes import entry_of
from holdfast.operations.restore_frame import RestoreFrame
from holdfast.repository.pack import BlobType
from holdfast.repository.reader import SealedBlob
from holdfast.repository.repository import Repository
from holdfast.repository.tree import decode_node


class SmallFile(NamedTuple):
    """A file of at most one blob."""

    frame: RestoreFrame
    name: bytes
    size: int
    node: bytes  # encoded
    blob_id: BlobId | None


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
        self.written: list[Written | None] = []  # in the order of `files`, once it is done; None: all is well

    def add(self, file: SmallFile) -> None:
        """Files of one frame come one after the other."""
        if not self.frames or self.frames[-1] is not file.frame:
            self.frames.append(file.frame)
        self.files.append(file)
        self._size += file.size

    @property
    def is_full(self) -> bool:
        return len(self.files) >= MOST_FILES or self._size >= MOST_BYTES or len(self.frames) >= MOST_DIRECTORIES

    def here(self) -> None:
        sealed = self._sealed_blobs()
        files = [
            SealedFile(file.frame.target, file.node, *blob)
            for file, blob in zip(self.files, sealed, strict=True)
            if not isinstance(blob, DamagedData)
        ]
        self._take(sealed, write_files(self._key, files, as_owner=self._as_owner, verify=self._verify))

    def by(self, helper: FileProcess) -> None:
        places = {id(frame): place for place, frame in enumerate(self.frames)}
        sealed = self._sealed_blobs()
        found = [
            (file, blob) for file, blob in zip(self.files, sealed, strict=True) if not isinstance(blob, DamagedData)
        ]
        files = [(places[id(file.frame)], file.node, len(blob.body), blob.plain_length) for file, blob in found]
        descriptors = [frame.target.fd for frame in self.frames]
        request = encode(RestoreRequest(files, self._as_owner, self._verify))
        helper.send(bytes((RESTORE,)), request, descriptors=descriptors)
        helper.send(*(blob.body for _, blob in found))
        self._take(sealed, decode_written(helper.receive()))

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
        return write_file(file.frame.target, entry, content, as_owner=self._as_owner, verify=self._verify)
