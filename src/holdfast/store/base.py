"""The contract that every store keeps; `holdfast.testing.store_suite` tests it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

Part = bytes | bytearray | memoryview


class StoredFile(NamedTuple):
    name: str  # relative to the store's root, "/" between parts
    size: int  # bytes


class Store(Protocol):
    """A flat name space of write-once files under one root.

    Names are relative, "/"-separated, of the characters `[A-Za-z0-9._-]`, without empty, `.` or `..` parts.
    All methods may be called from several threads at once. Errors: `FileMissing`, `FileExists`, `StoreRefused`
    (will not change by itself), `StoreUnavailable` (worth another try), and nothing else.
    """

    @property
    def url(self) -> str:
        """How people name this store; never with a password in it."""
        ...

    def put(self, name: str, parts: Sequence[Part]) -> None:
        """Stores the joined parts under `name`, replacing what was there.

        On return the file is durable. No reader ever sees a part of it, whatever happens to this process.
        Repeating a `put` with the same content is harmless; names are digests, so a repeat always has the same content.
        """
        ...

    def create(self, name: str, parts: Sequence[Part]) -> None:
        """As `put`, but raises FileExists, changing nothing, if `name` is taken; atomic among concurrent callers."""
        ...

    def get(self, name: str) -> bytes:
        """The whole file. Raises FileMissing."""
        ...

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; a negative `offset` counts from the end of the file.

        Raises FileMissing; StoreRefused if the file is too short to hold the range (never fewer bytes than asked).
        """
        ...

    def size(self, name: str) -> int:
        """Bytes in the file. Raises FileMissing."""
        ...

    def list(self, directory: str) -> Iterator[StoredFile]:
        """Every file under `directory` ("" for all), at any depth, in no order; none if it does not exist.

        Unfinished uploads are not listed. Every file whose `put` had returned before the call and which is not being
        deleted is listed exactly once.
        """
        ...

    def delete(self, name: str) -> None:
        """Removes the file; a missing one is no error."""
        ...

    def close(self) -> None:
        """Gives back connections and threads. The store is not used afterwards."""
        ...
