"""Restore: a request for one restore, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdfast.api.backup import BackupStatus
from holdfast.api.backup_plan import RUNNER, LocationName
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.selection import SelectionFields


class RestoreSpec(SelectionFields, kw_only=True, rename="camel", omit_defaults=True):
    """As the flags of `restore run`."""

    location: LocationName
    service_account_name: Annotated[Name, Meta(description="Whose rights the run has.")] = RUNNER
    backup: Annotated[str, Meta(min_length=1, max_length=200, description="Id, name, or `latest`.")]
    plan: Annotated[str, Meta(max_length=317, description="The plan that `latest` is of, NAMESPACE/NAME. --plan")] = ""
    before: Annotated[str, Meta(max_length=64, description="`latest` is older than this. --before")] = ""
    map_namespaces: Annotated[dict[str, str], Meta(description="Old name to new name. --map-namespace")] = (
        msgspec.field(default_factory=dict)
    )
    map_storage_classes: Annotated[dict[str, str], Meta(description="--map-storage-class")] = msgspec.field(
        default_factory=dict
    )
    map_images: Annotated[dict[str, str], Meta(description="--map-image")] = msgspec.field(default_factory=dict)
    on_conflict: Annotated[
        Literal["skip", "update", "replace", "fail"], Meta(description="Objects that exist and differ. --on-conflict")
    ] = "skip"
    rollback: Annotated[bool, Meta(description="Make the selection exactly what it was. --rollback")] = False
    delete_data: Annotated[bool, Meta(description="With rollback: new claims and volumes too. --delete-data")] = False
    restore_status: Annotated[list[str], Meta(description="Kinds whose status comes back. --restore-status")] = (
        msgspec.field(default_factory=list)
    )
    quarantine: Annotated[bool, Meta(description="For clones, without a way in or out. --quarantine")] = False
    wait: Annotated[bool, Meta(description="Until what was restored is ready. --wait")] = False
    dry_run: Annotated[bool, Meta(description="Only plan. --dry-run")] = False
    pod: PodSettings = msgspec.field(default_factory=PodSettings)


class Restore(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    spec: RestoreSpec
    status: BackupStatus = msgspec.field(default_factory=BackupStatus)
    api_version: str = API_VERSION
    kind: str = "Restore"
