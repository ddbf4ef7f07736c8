"""Looking into a backup: what every snapshot has, and its record."""

from __future__ import annotations

import msgspec

from holdfast.errors import DamagedData, NotFound
from holdfast.ids import BlobId
from holdfast.model.backup import RECORD_PATH, BackupRecord
from holdfast.repository.contents import SnapshotContents
from holdfast.repository.repository import Repository

OBJECTS = "objects"


class Contents(SnapshotContents):
    """The tree of one backup, read as it is needed."""

    def __init__(self, repository: Repository, root: BlobId) -> None:
        super().__init__(repository.reader, root)

    def record(self) -> BackupRecord:
        """What the backup says about itself. Raises NotFound for snapshots that Holdfast did not make."""
        try:
            return msgspec.json.decode(self.read(RECORD_PATH), type=BackupRecord)
        except NotFound as error:
            raise NotFound("this snapshot is not an application backup", why=f"it has no {RECORD_PATH}") from error
        except msgspec.MsgspecError as error:
            raise DamagedData(f"{RECORD_PATH} cannot be read", why=str(error)) from error
