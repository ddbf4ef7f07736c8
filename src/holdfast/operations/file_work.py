"""What is done with a batch of small files, wherever it is done: here, or in a helper process.

Stage by stage for the whole batch, because a kernel that runs many times in a row is several times faster than when all take
turns. Nothing here knows a store: blobs come and go sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, groupby
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.operations.nodes import check_size, encode_content, encode_file, entry_of
from holdfast.repository.blob import Sealed, compress_blob, open_blobs, seal_blobs
from holdfast.repository.tree import content_ids, decode_node
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import read_small_files
from holdfast.volumes.writing import NewFile, TargetDirectory

MOST_FILES = 128
MOST_BYTES = 2 << 20
MOST_DIRECTORIES = 32
"""In a batch."""


class Wanted(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A file to be read: its name in one of the batch's directories."""

    directory: int
    name: bytes


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What became of a file. `node` is None for one that could not be read, `why` empty for one that was read whole."""

    node: bytes | None
    size: int
    why: str = ""


class HashedBatch(NamedTuple):
    stored: list[Stored]  # in the order of the files that were wanted
    ids: list[BlobId]  # of those with content
    contents: list[bytes]


def read_batch(files: Iterable[Wanted], descriptors: Sequence[int]) -> HashedBatch:
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
    return HashedBatch(stored, ids, contents)


def seal_batch(key: SealingKey, batch: HashedBatch, claimed: Iterable[bool]) -> list[Sealed]:
    new = compress(zip(batch.ids, batch.contents, strict=True), claimed)
    return seal_blobs(key, [compress_blob(blob_id, content) for blob_id, content in new])


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


class SealedFile(NamedTuple):
    """A file that is to be written, with its blob as a pack holds it."""

    target: TargetDirectory
    node: bytes  # encoded
    body: bytes | memoryview  # empty for a file without content
    plain_length: int


def write_files(key: SealingKey, files: Sequence[SealedFile], *, as_owner: bool, verify: bool) -> list[Written | None]:
    """Writes files of at most one blob each, None for each that went well.

    Stage by stage for all of them, because a kernel that runs many times in a row is several times faster than when all take
    turns.
    """
    decoded = [_decode(file.node) for file in files]
    opened = iter(
        open_blobs(
            key,
            [
                (content[0], file.body, file.plain_length)
                for (_, content), file in zip(decoded, files, strict=True)
                if content
            ],
        )
    )
    written: list[Written | None] = []
    for (entry, content), file in zip(decoded, files, strict=True):
        plain = next(opened) if content else b""
        if isinstance(entry, DamagedData) or isinstance(plain, DamagedData):
            written.append(Written(damage=str(entry if isinstance(entry, DamagedData) else plain)))
        else:
            written.append(write_file(file.target, entry, plain, as_owner=as_owner, verify=verify))
    return written


def _decode(encoded: bytes) -> tuple[Entry | DamagedData, list[BlobId]]:
    try:
        node = decode_node(encoded)
        return entry_of(node), content_ids(node)
    except DamagedData as error:
        return error, []


def write_file(
    target: TargetDirectory, entry: Entry, content: bytes, *, as_owner: bool, verify: bool
) -> Written | None:
    """None if all went well."""
    try:
        check_size(entry.size, len(content))
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
