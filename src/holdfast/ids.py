"""Identities as types, so that a pack is never looked up as a blob.

All ids of a repository are SHA-256 digests: 32 bytes in memory, 64 hexadecimal digits in names and JSON, 8 digits when
shown to people. They are `bytes` subclasses because millions of them are dictionary keys.
"""

from __future__ import annotations

import hashlib
from typing import Self

from holdfast.errors import DamagedData

DIGEST_SIZE = 32
SHORT_DIGITS = 8


class Digest(bytes):
    """A SHA-256 value. Use one of the subclasses; they say of what."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """64 lowercase hexadecimal digits → id. Raises DamagedData for anything else."""
        try:
            value = bytes.fromhex(text)
        except (ValueError, TypeError):
            value = b""
        if len(value) != DIGEST_SIZE or len(text) != 2 * DIGEST_SIZE:
            raise DamagedData(f"{text!r:.80} is not an id", why="an id has 64 hexadecimal digits")
        return cls(value)

    @classmethod
    def of(cls, *parts: bytes | bytearray | memoryview) -> Self:
        """The id of the joined parts."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        return cls(digest.digest())

    @property
    def short(self) -> str:
        return self.hex()[:SHORT_DIGITS]

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.short})"


class BlobId(Digest):
    """Digest of a blob's plain content, before compression and encryption. A tree's id is the BlobId of its blob."""

    __slots__ = ()


class StoredId(Digest):
    """Digest of a stored file's encrypted bytes; the file is named by it."""

    __slots__ = ()


class PackId(StoredId):
    __slots__ = ()


class IndexId(StoredId):
    __slots__ = ()


class SnapshotId(StoredId):
    __slots__ = ()


class LockId(StoredId):
    __slots__ = ()


class KeyId(StoredId):
    __slots__ = ()
