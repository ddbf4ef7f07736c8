"""One blob on its way into a pack and out of it: hashed, compressed, sealed – and proved before it is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from holdfast.codec import compression
from holdfast.codec.crypto import OVERHEAD, SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId
from holdfast.repository.pack import LARGEST_BLOB

Content = bytes | bytearray | memoryview


def seal_blob(key: SealingKey, blob_id: BlobId, plain: Content) -> tuple[bytes, int]:
    """(sealed bytes, plain length as a pack's header holds it: 0 when stored uncompressed).

    The sealed bytes are opened again and compared with `blob_id` before they are returned, so that a fault of this
    machine's memory or of a library is met now, while the source still exists.
    """
    plain_length = len(plain)
    if plain_length > LARGEST_BLOB - OVERHEAD:
        raise ValueError(f"a blob of {plain_length} bytes does not fit the format")
    # A compressed blob of length 0 is not allowed.
    sealed = key.seal(compression.compress(plain) if plain_length else plain)
    _prove(blob_id, _opened(key, blob_id, sealed, plain_length))
    return sealed, plain_length


def open_blob(key: SealingKey, blob_id: BlobId, sealed: bytes | memoryview, plain_length: int) -> bytes:
    """A blob's content. Raises DamagedData unless it is what `blob_id` names."""
    plain = b"".join(_opened(key, blob_id, sealed, plain_length))
    _prove(blob_id, (plain,))
    return plain


def _opened(key: SealingKey, blob_id: BlobId, sealed: bytes | memoryview, plain_length: int) -> Iterator[bytes]:
    """The content in parts: to prove a long blob it need not be in memory a second time."""
    try:
        body = key.open(sealed)
        if plain_length:
            yield from compression.decompressed(body, limit=plain_length)
        else:
            yield body
    except DamagedData as error:
        raise DamagedData(f"blob {blob_id.short} is damaged", why=str(error)) from error


def _prove(blob_id: BlobId, parts: Iterable[bytes]) -> None:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    if digest.digest() != blob_id:
        raise DamagedData(f"blob {blob_id.short} is damaged", why="its content does not match its id")
