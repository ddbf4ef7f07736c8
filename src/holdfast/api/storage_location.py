"""StorageLocation: a repository, and where its credentials are.

The Secret that a location names is in the same namespace. Its key `password` is the repository's; `ca.crt` is the certificate
authority of the store; all others are environment variables of the store, as `AWS_ACCESS_KEY_ID`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdfast.api.conditions import Condition
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings

PASSWORD_KEY = "password"  # noqa: S105 - the name of a key
CA_KEY = "ca.crt"

Cron = Annotated[str, Meta(max_length=200, description="As the `schedule` of a BackupPlan.")]


class MaintenanceRun(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    schedule: Cron
    suspend: bool = False


class Prune(MaintenanceRun, kw_only=True, rename="camel", omit_defaults=True):
    schedule: Cron = "weekly"
    max_unused: Annotated[str, Meta(description="As --max-unused of `repository prune`.")] = ""
    max_repack: Annotated[str, Meta(description="As --max-repack of `repository prune`.")] = ""


class Check(MaintenanceRun, kw_only=True, rename="camel", omit_defaults=True):
    schedule: Cron = "weekly"
    read_data: Annotated[
        str, Meta(description="How much of the data is read: 5%, 100%. --read-data of `repository check`")
    ] = "5%"


class Maintenance(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Runs that look after the repository. Without it nobody forgets, prunes or checks by schedule."""

    secret: Annotated[
        Name,
        Meta(description="A Secret with credentials that may delete; by default those of the location."),
    ] = ""
    service_account_name: Annotated[Name, Meta(description="Of the pods; they get no token.")] = "default"
    time_zone: Annotated[str, Meta(max_length=64, description="Of these schedules, as Europe/Berlin.")] = "Etc/UTC"
    forget_schedule: Cron = "daily"
    prune: Prune | None = msgspec.field(default_factory=Prune)
    check: Check | None = msgspec.field(default_factory=Check)


class StorageLocationSpec(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048, description="The repository's URL, as of --repository.")]
    secret: Annotated[Name, Meta(min_length=1, description="The Secret with the password and the store's credentials.")]
    maintenance: Maintenance | None = None
    pod: PodSettings = msgspec.field(default_factory=PodSettings)


class StorageLocationStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    observed_generation: int = 0
    conditions: list[Condition] = []
    last_checked: Annotated[str, Meta(description="When the location was tried last.")] = ""
    backups: int = 0
    stored_bytes: int = 0
    repository: Annotated[str, Meta(description="The repository's id, the same in every cluster that uses it.")] = ""
    notified: Annotated[str, Meta(description="What people were told of this location, and when it happened.")] = ""


class StorageLocation(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    spec: StorageLocationSpec
    status: StorageLocationStatus = msgspec.field(default_factory=StorageLocationStatus)
    api_version: str = API_VERSION
    kind: str = "StorageLocation"
