"""Names of the files in a repository. Source: restic's doc/design.rst, "Repository Layout"."""

from __future__ import annotations

from enum import StrEnum
from typing import Self, TypeVar

from holdfast.errors import DamagedData
from holdfast.ids import Digest, IndexId, KeyId, LockId, PackId, SnapshotId, StoredId

CONFIG = "config"


class Directory(StrEnum):
    """The directories, each with the type of the ids that name its files."""

    id_type: type[StoredId]

    KEYS = ("keys", KeyId)
    SNAPSHOTS = ("snapshots", SnapshotId)
    INDEX = ("index", IndexId)
    LOCKS = ("locks", LockId)
    PACKS = ("data", PackId)

    def __new__(cls, value: str, id_type: type[StoredId]) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.id_type = id_type
        return member


_DIRECTORY_OF = {directory.id_type: directory for directory in Directory}

AnyId = TypeVar("AnyId", bound=StoredId)


def file_name(file_id: StoredId) -> str:
    """Where the file with this id lives: `snapshots/<id>`; packs are spread over `data/<first two digits>/<id>`."""
    directory = _DIRECTORY_OF[type(file_id)]
    digits = file_id.hex()
    if directory is Directory.PACKS:
        return f"{directory.value}/{digits[:2]}/{digits}"
    return f"{directory.value}/{digits}"


def parse_name(name: str, id_type: type[AnyId]) -> AnyId | None:
    """The id in a listed name, or None for a file that restic's layout does not know (left over, foreign)."""
    try:
        return id_type.parse(name.rpartition("/")[2])
    except DamagedData:
        return None


def is_prefix(text: str) -> bool:
    """Whether `text` could be the start of an id."""
    return 0 < len(text) <= 2 * len(Digest.of()) and set(text) <= set("0123456789abcdef")
