"""A batch of small files on its way into the repository, in this process or in a helper: read, hashed, compressed, sealed.

Stage by stage for the whole batch, because a kernel that runs many times in a row is several times faster than when all take
turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.ids import BlobId
from holdfast.operations.nodes import encode_content, encode_file
from holdfast.repository.blob import Sealed, compress_blob, seal_blobs
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import read_small_files


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
    """Reads and hashes; `descriptors` are the batch's open directories."""
    read: list[tuple[Entry | None, bytes, str]] = []
    for directory, group in groupby(files, key=lambda file: file.directory):
        for entry, content, why in read_small_files(descriptors[directory], [file.name for file in group]):
            read.append((entry, content, why))
    contents = [content for _, content, _ in read if content]
    ids = [BlobId.of(content) for content in contents]
    stored = list(_described(read, iter(ids)))
    return HashedBatch(stored, ids, contents)


def _described(read: Iterable[tuple[Entry | None, bytes, str]], ids: Iterator[BlobId]) -> Iterator[Stored]:
    for entry, content, why in read:
        if entry is None:
            yield Stored(None, 0, why)
        else:
            blobs = encode_content((next(ids),) if content else ())
            yield Stored(encode_file(entry, blobs), entry.size, why)


def seal_batch(key: SealingKey, batch: HashedBatch, claimed: Iterable[bool]) -> list[Sealed]:
    """Compresses, seals and proves those contents that were claimed."""
    new = compress(zip(batch.ids, batch.contents, strict=True), claimed)
    return seal_blobs(key, [compress_blob(blob_id, content) for blob_id, content in new])
