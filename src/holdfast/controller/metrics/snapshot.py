"""What one scrape looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.restore import Restore
from holdfast.api.storage_location import StorageLocation


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Our objects in the cluster, as they are now."""

    plans: Sequence[BackupPlan] = ()
    locations: Sequence[StorageLocation] = ()
    backups: Sequence[Backup] = ()
    restores: Sequence[Restore] = ()
