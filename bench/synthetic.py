"""Repositories of millions of blobs, made in a minute: their index files are real, their packs are empty.

Index files are written as a backup writes them and list every blob. Each pack is a sparse file of exactly the size that the
index says, so a backup, which looks for lost packs, finds none lost; but it has only zeros, so nothing of it can be read. What
depends on the number of blobs and packs is as in a real repository. `holdfast repository check` finds it damaged, and is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from testbed.cache import Say

from holdfast.ids import BlobId, PackId
from holdfast.model.clock import SystemClock
from holdfast.repository.index import FULL_AT, save_index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob, pack_size
from holdfast.repository.repository import init_repository
from holdfast.store.local import LocalStore

BLOBS_PER_PACK = 64
"""Of 128 KiB on average, in packs of 8 MiB: small files and pieces of long ones mixed. Ten million are 156,250 packs."""

_TREE_PACKS = 50  # one in so many
_LENGTHS = range(98_304, 163_840)

Pack = tuple[PackId, list[PackedBlob]]


def blob_id(number: int) -> BlobId:
    """Of the blob with this number, or one that no repository here has if it is too large."""
    return BlobId(hashlib.sha256(b"blob %d" % number).digest())


def make(directory: Path, password: str, *, blobs: int, say: Say) -> int:
    """A new repository in the directory; returns how many packs it has."""
    store = LocalStore(directory)
    repository = init_repository(store, password, SystemClock())
    for first in range(256):
        (directory / "data" / f"{first:02x}").mkdir(parents=True)
    packs = _packs(blobs)
    count = 0
    while listed := list(islice(packs, FULL_AT // BLOBS_PER_PACK)):
        save_index(store, repository.key, listed)
        for pack_id, content in listed:
            with (directory / file_name(pack_id)).open("wb") as file:
                file.truncate(pack_size(content))
        count += len(listed)
        say(f"{min(count * BLOBS_PER_PACK, blobs):,} of {blobs:,} blobs are listed")
    return count


def _packs(blobs: int) -> Iterator[Pack]:
    for number, start in enumerate(range(0, blobs, BLOBS_PER_PACK)):
        blob_type = BlobType.TREE if number % _TREE_PACKS == 0 else BlobType.DATA
        yield PackId(hashlib.sha256(b"pack %d" % number).digest()), list(_blobs(blob_type, start, blobs))


def _blobs(blob_type: BlobType, start: int, end: int) -> Iterator[PackedBlob]:
    offset = 0
    for number in range(start, min(start + BLOBS_PER_PACK, end)):
        digest = blob_id(number)
        length = _LENGTHS[int.from_bytes(digest[:2])]
        yield PackedBlob(blob_type, digest, offset, length, 2 * length)
        offset += length
