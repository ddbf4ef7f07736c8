"""JSON to msgspec types from several threads.

msgspec (0.22) examines a type when something is first decoded as it, and a second thread that decodes the same type
meanwhile crashes the process: it meets a half-made description. Here each type is examined once, by one thread at a time.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

Decoded = TypeVar("Decoded")

_examining = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decode(text: bytes | bytearray | memoryview | msgspec.Raw, shape: type[Decoded]) -> Decoded:
    """The value in a JSON text. Raises what msgspec raises: ValueErrors, and RecursionError for what is nested too deep."""
    decoder = _decoders.get(shape)
    if decoder is None:
        with _examining:
            decoder = _decoders.setdefault(shape, msgspec.json.Decoder(shape))
    value: Decoded = decoder.decode(text)
    return value
