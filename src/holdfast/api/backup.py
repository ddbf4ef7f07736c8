"""Backup: a request for one backup, and what became of it. The backup itself is in the repository and outlives it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdfast.api.backup_plan import RUNNER, LocationName
from holdfast.api.conditions import Condition
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.run_status import RunStatus
from holdfast.api.selection import BackupFields

Phase = Literal["", "Pending", "Running", "Done", "Partial", "Failed", "Deleting", "Copied"]


class BackupSpec(BackupFields, kw_only=True, rename="camel", omit_defaults=True):
    location: LocationName
    service_account_name: Annotated[Name, Meta(description="Whose rights the run has.")] = RUNNER
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Whether the data goes with this object. When the namespace is deleted it stays in any case."),
    ] = "Retain"
    pod: PodSettings = msgspec.field(default_factory=PodSettings)


class BackupStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    observed_generation: int = 0
    conditions: list[Condition] = []
    phase: Phase = ""
    job: str = ""
    run: RunStatus | None = None


class Backup(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    spec: BackupSpec
    status: BackupStatus = msgspec.field(default_factory=BackupStatus)
    api_version: str = API_VERSION
    kind: str = "Backup"
