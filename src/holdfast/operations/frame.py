"""A directory on its way into the repository."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from holdfast.ids import BlobId
from holdfast.repository.tree import Known
from holdfast.volumes.entry import Entry
from holdfast.volumes.reading import OpenDirectory


@dataclass(slots=True, eq=False)
class Frame:
    """What is known of a directory between its listing and its tree. Only the thread that walks changes it."""

    opened: OpenDirectory
    inside: bytes  # its path from the root of the backup; "" for the root
    above: Frame | None
    before: dict[bytes, Known]  # in the parent backup
    entry: Entry | None = None  # None for the first one
    nodes: dict[bytes, bytes | msgspec.Raw] = field(default_factory=dict)  # name → encoded node
    subdirectories: deque[Entry] = field(default_factory=deque)  # that were not entered yet
    missing: int = 0  # files and directories in it that are on their way
    is_walked: bool = False  # all that is in it was seen
    tree: BlobId | None = None  # once it is complete
