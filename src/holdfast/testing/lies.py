"""False answers of a store, made of true ones. Each may come out true: an empty file has no bit to flip."""

from __future__ import annotations

import random
from collections.abc import Sequence

from holdfast.store.base import StoredFile
from holdfast.testing.faults import Kind


def false_bytes(kind: Kind, content: bytes, other: bytes, seed: int) -> bytes:
    """`other`: what stands in the same place of another file."""
    match kind:
        case "flip" if content:
            flipped = bytearray(content)
            chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
            flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            return bytes(flipped)
        case "cut":
            return first_half(content)
        case "swap":
            return other
    return content


def first_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def false_size(size: int, seed: int) -> int:
    return max(0, (size - 1, size + 1, size // 2, 2 * size, size + (1 << 32))[seed % 5])


def false_listing(kind: Kind, files: Sequence[StoredFile], seed: int) -> list[StoredFile]:
    """Also for the kind "reorder", which is no lie: files come in no order."""
    listed = list(files)
    if not listed:
        return listed
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    place = chance.randrange(len(listed))
    name, size = listed[place]
    match kind:
        case "reorder":
            chance.shuffle(listed)
        case "miscount":
            listed[place] = StoredFile(name, false_size(size, seed))
        case "omit":
            del listed[place]
        case "repeat":
            listed.insert(chance.randrange(len(listed) + 1), listed[place])
        case "invent":
            listed.append(StoredFile(_similar(name, chance), size))
    return listed


def _similar(name: str, chance: random.Random) -> str:
    """A name of the same directory and length, of the digits that ids have."""
    directory, slash, last = name.rpartition("/")
    return directory + slash + "".join(chance.choices("0123456789abcdef", k=len(last)))
