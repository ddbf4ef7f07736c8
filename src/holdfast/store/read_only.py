"""A store that cannot be changed through it, for verbs that promise to change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.errors import StoreRefused
from holdfast.store.base import Part, Store, StoredFile


class ReadOnlyStore:
    """Reads go to `store`; `put`, `create` and `delete` raise StoreRefused."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def url(self) -> str:
        return self._store.url

    def put(self, name: str, parts: Sequence[Part]) -> None:  # noqa: ARG002 - the contract's signature
        raise self._refusal("write", name)

    def create(self, name: str, parts: Sequence[Part]) -> None:  # noqa: ARG002 - the contract's signature
        raise self._refusal("write", name)

    def get(self, name: str) -> bytes:
        return self._store.get(name)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        return self._store.get_range(name, offset, length)

    def size(self, name: str) -> int:
        return self._store.size(name)

    def list(self, directory: str) -> Iterator[StoredFile]:
        return self._store.list(directory)

    def delete(self, name: str) -> None:
        raise self._refusal("delete", name)

    def close(self) -> None:
        self._store.close()

    def _refusal(self, action: str, name: str) -> StoreRefused:
        return StoreRefused(
            f"cannot {action} {name} in {self.url}",
            why="the repository was opened for reading only",
            next="Open it for writing.",
        )
