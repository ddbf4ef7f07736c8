"""Backup: a request for one backup, and what became of it. The backup itself is in the repository and outlives it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from holdfast.api.backup_plan import RUNNER, LocationName
from holdfast.api.conditions import Conditions, ObservedGeneration
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.run_status import RunStatus
from holdfast.api.selection import BackupFields

Phase = Literal["", "Pending", "Running", "Done", "Partial", "Failed", "Deleting", "Copied"]


class BackupSpec(BackupFields, kw_only=True, rename="camel", omit_defaults=True):
    """What is backed up, and where to. It is a request that is carried out once."""

    MAY_CHANGE: ClassVar[tuple[str, ...]] = ("deletionPolicy",)

    location: Annotated[LocationName, Meta(description="Where to: a StorageLocation in the same namespace.")]
    service_account_name: Annotated[Name, Meta(description="Whose rights the run has.")] = RUNNER
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Whether the data goes with this object. When the namespace is deleted it stays in any case."),
    ] = "Retain"
    pod: Annotated[PodSettings, Meta(description="Settings of the run's pod.")] = msgspec.field(
        default_factory=PodSettings
    )


class BackupStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What became of it."""

    observed_generation: ObservedGeneration = 0
    conditions: Conditions = []
    phase: Annotated[Phase, Meta(description="How far it is, in one word for people; programs read conditions.")] = ""
    job: Annotated[str, Meta(description="The Job that carries it out.")] = ""
    run: Annotated[RunStatus | None, Meta(description="How the run went.")] = None


class Backup(msgspec.Struct, kw_only=True, rename="camel"):
    """A request for one backup, and what became of it. The backup itself is in the repository and outlives this object."""

    metadata: Metadata
    spec: BackupSpec
    status: BackupStatus = msgspec.field(default_factory=BackupStatus)
    api_version: str = API_VERSION
    kind: str = "Backup"
