"""Where a range of bytes begins in a file, and whether the file holds it."""

from __future__ import annotations

from holdfast.errors import StoreRefused


def start_of_range(name: str, size: int, offset: int, length: int) -> int:
    """The first byte's place, 0 or more, in a file of `size` bytes; a negative `offset` counts from its end.

    Raises StoreRefused if the range is not wholly inside the file.
    """
    start = offset + size if offset < 0 else offset
    if start < 0 or start + length > size:
        raise too_short(name, offset, length)
    return start


def too_short(name: str, offset: int, length: int) -> StoreRefused:
    return StoreRefused(
        f"{name} is too short",
        why=f"{length} bytes from {offset} were asked for",
        next="The file is damaged or not complete. Run `holdfast repository check`.",
    )
