"""The encrypted JSON files: index, snapshots and locks.

Stored bytes = seal(0x02 ‖ zstd(JSON)). A plain text that starts with `{` or `[` is uncompressed JSON, as format version 1
wrote it and version 2 still allows. A file's name is the SHA-256 of its stored bytes.
"""

from __future__ import annotations

from typing import TypeVar

from holdfast.codec import compression
from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import StoredId
from holdfast.repository import go_json
from holdfast.repository.layout import file_name
from holdfast.store.base import Store

_COMPRESSED = 0x02
_LARGEST = 512 << 20
"""An index of 50,000 blobs has 8 MB; other programs write larger ones, none near this."""

_HARDEST = 500
"""How many times longer than its frame a text can be: ids do not compress, and lists of paths hardly a hundredfold."""

_SHORT = 1 << 20  # bytes that any text may have

SealedId = TypeVar("SealedId", bound=StoredId)


def encode(key: SealingKey, value: object) -> bytes:
    return key.seal(bytes((_COMPRESSED,)) + compression.compress(go_json.encode(value)))


def decode(key: SealingKey, stored: bytes, shape: type[go_json.Decoded], what: str) -> go_json.Decoded:
    """The value in a stored file. `what` names the file in the DamagedData that any fault raises."""
    try:
        plain = key.open(stored)
        if plain[:1] == bytes((_COMPRESSED,)):
            limit = min(_LARGEST, max(_SHORT, _HARDEST * len(plain)))
            plain = compression.decompress(memoryview(plain)[1:], limit=limit)
        elif plain[:1] not in (b"{", b"["):
            raise DamagedData("unknown encoding", why=f"first byte {plain[:1]!r}")
    except DamagedData as error:
        raise DamagedData(f"{what} is damaged", why=str(error)) from error
    return go_json.decode(plain, shape, what)


def save(store: Store, key: SealingKey, value: object, id_type: type[SealedId]) -> SealedId:
    """Stores the value under its own digest."""
    stored = encode(key, value)
    file_id = id_type.of(stored)
    store.put(file_name(file_id), [stored])
    return file_id


def load(store: Store, key: SealingKey, file_id: StoredId, shape: type[go_json.Decoded]) -> go_json.Decoded:
    """Raises FileMissing, or DamagedData if the bytes do not belong to the name or cannot be read."""
    name = file_name(file_id)
    stored = store.get(name)
    if type(file_id).of(stored) != file_id:
        raise DamagedData(f"{name} is damaged", why="its content does not match its name")
    return decode(key, stored, shape, name)
