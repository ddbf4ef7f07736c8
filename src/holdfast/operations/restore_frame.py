"""A directory on its way out of the repository."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from holdfast.ids import BlobId
from holdfast.volumes.entry import Entry
from holdfast.volumes.writing import TargetDirectory


@dataclass(slots=True, eq=False)
class RestoreFrame:
    """What is known of a directory between its making and its metadata. Only the thread that walks changes it."""

    target: TargetDirectory
    path: bytes  # in the backup; "" for the root
    above: RestoreFrame | None
    entry: Entry | None  # None for the target itself, which keeps its own metadata
    subdirectories: deque[tuple[Entry, BlobId]] = field(default_factory=deque)  # that were not entered yet
    missing: int = 0  # files and directories in it that are on their way
    is_walked: bool = False  # all that is in it was seen
    is_finished: bool = False
