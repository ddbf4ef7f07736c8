"""Which names a store takes. Every store checks them, so that no name can lead out of its root."""

from __future__ import annotations

import re

from holdfast.errors import StoreRefused

# A part that ends in "-tmp-" and digits is a file that a local store, ours or restic's, had not finished.
_PART = r"(?!\.\.?(?:/|\Z))(?![A-Za-z0-9._-]*-tmp-[0-9]+(?:/|\Z))[A-Za-z0-9._-]+"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")


def is_name(text: str) -> bool:
    """Whether `text` can name a file. Other people's files in the same place often have names that cannot."""
    return _NAME.fullmatch(text) is not None


def checked(name: str) -> str:
    """`name` itself. Raises StoreRefused if it is not a name."""
    if not is_name(name):
        raise StoreRefused(
            f"{name!r:.100} is not a name for a file in a store",
            why="names have parts of A-Z a-z 0-9 . _ - between slashes, no '.', '..' or empty part, none '…-tmp-<digits>'",
            next="This is a defect of the program that asked for it; please report it.",
        )
    return name
