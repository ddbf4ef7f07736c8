"""A store in this process's memory: the simplest thing that keeps the contract. For tests; it has no URL."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from holdfast.errors import FileExists, FileMissing
from holdfast.store.base import Part, StoredFile
from holdfast.store.names import checked
from holdfast.store.ranges import start_of_range


class MemoryStore:
    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return "memory:"

    def put(self, name: str, parts: Sequence[Part]) -> None:
        content = b"".join(parts)
        with self._lock:
            self._files[checked(name)] = content

    def create(self, name: str, parts: Sequence[Part]) -> None:
        content = b"".join(parts)
        with self._lock:
            if checked(name) in self._files:
                raise FileExists(f"{name} exists already")
            self._files[name] = content

    def get(self, name: str) -> bytes:
        with self._lock:
            try:
                return self._files[checked(name)]
            except KeyError:
                raise FileMissing(f"{name} is missing") from None

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        content = self.get(name)
        start = start_of_range(name, len(content), offset, length)
        return content[start : start + length]

    def size(self, name: str) -> int:
        return len(self.get(name))

    def list(self, directory: str) -> Iterator[StoredFile]:
        prefix = f"{checked(directory)}/" if directory else ""
        with self._lock:
            found = [StoredFile(name, len(content)) for name, content in self._files.items() if name.startswith(prefix)]
        yield from found

    def delete(self, name: str) -> None:
        with self._lock:
            self._files.pop(checked(name), None)

    def close(self) -> None:
        """Nothing to give back."""
