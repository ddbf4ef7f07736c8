"""What is told of each StorageLocation."""

from __future__ import annotations

from holdfast.api.conditions import ConditionType, is_true
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.metrics.table import Row, unix_time

ROWS: tuple[Row[StorageLocation], ...] = (
    Row(
        "holdfast_location_ready",
        "1 if the location could be used when it was tried last.",
        lambda location: is_true(location.status.conditions, ConditionType.READY),
    ),
    Row(
        "holdfast_location_last_checked_timestamp_seconds",
        "When the location was tried last.",
        lambda location: unix_time(location.status.last_checked),
    ),
    Row(
        "holdfast_location_backups",
        "Backups in its repository, those of other clusters too.",
        lambda location: location.status.backups if location.status.last_checked else None,
    ),
    Row(
        "holdfast_location_stored_bytes",
        "What its repository takes in the store.",
        lambda location: location.status.stored_bytes if location.status.last_checked else None,
    ),
)
