"""Which decision is about which kind."""

from __future__ import annotations

from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.restore import Restore
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Decision
from holdfast.controller.decisions.location import decide_location
from holdfast.controller.decisions.plan import decide_plan
from holdfast.controller.decisions.request import decide_request
from holdfast.controller.subject import Scene

Ours = BackupPlan | StorageLocation | Backup | Restore
TYPES: dict[str, type[Ours]] = {
    "BackupPlan": BackupPlan,
    "StorageLocation": StorageLocation,
    "Backup": Backup,
    "Restore": Restore,
}
"""By kind."""


def decide(subject: Ours, scene: Scene) -> Decision:
    """What there is to do for one of our objects, as the world is now."""
    if isinstance(subject, BackupPlan):
        return decide_plan(subject, scene)
    if isinstance(subject, StorageLocation):
        return decide_location(subject, scene)
    return decide_request(subject, scene)
