from __future__ import annotations

import pytest

from holdfast.errors import StoreRefused
from holdfast.store.memory import MemoryStore
from holdfast.store.read_only import ReadOnlyStore


@pytest.fixture
def memory():
    memory = MemoryStore()
    memory.put("keys/a", [b"content"])
    return memory


def test_reading_works(memory):
    store = ReadOnlyStore(memory)
    assert store.get("keys/a") == b"content"
    assert store.get_range("keys/a", -4, 2) == b"te"
    assert store.size("keys/a") == 7
    assert list(store.list("")) == list(memory.list(""))
    assert store.url == memory.url


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.put("keys/a", [b"other"]),
        lambda store: store.create("keys/b", [b"new"]),
        lambda store: store.delete("keys/a"),
    ],
    ids=["put", "create", "delete"],
)
def test_writing_is_refused(memory, write):
    before = dict.fromkeys(memory.list("")), memory.get("keys/a")
    with pytest.raises(StoreRefused, match="reading only"):
        write(ReadOnlyStore(memory))
    assert (dict.fromkeys(memory.list("")), memory.get("keys/a")) == before
