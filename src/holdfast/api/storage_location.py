"""StorageLocation: a repository, and where its credentials are.

The Secret that a location names is in the same namespace. Its key `password` is the repository's; `ca.crt` is the certificate
authority of the store; all others are environment variables of the store, as `AWS_ACCESS_KEY_ID`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from holdfast.api.backup_plan import TimeZone
from holdfast.api.conditions import Conditions, ObservedGeneration
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.rules import Rule

PASSWORD_KEY = "password"  # noqa: S105 - the name of a key
CA_KEY = "ca.crt"

Cron = Annotated[str, Meta(max_length=200, description="When: as the `schedule` of a BackupPlan.")]
SecretName = Annotated[str, Meta(max_length=253)]

_SECRET_RULE = Rule(
    "!has(self.secret) || !self.secret.contains('/')",
    "The Secret is in the namespace of the location. Write only its name.",
)


class MaintenanceRun(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A run that looks after the repository."""

    schedule: Cron
    suspend: Annotated[bool, Meta(description="Whether it is paused.")] = False


class Prune(MaintenanceRun, kw_only=True, rename="camel", omit_defaults=True):
    """Runs that give free what no backup needs any more."""

    schedule: Cron = "weekly"
    max_unused: Annotated[str, Meta(max_length=32, description="As --max-unused of `repository prune`.")] = ""
    max_repack: Annotated[str, Meta(max_length=32, description="As --max-repack of `repository prune`.")] = ""


class Check(MaintenanceRun, kw_only=True, rename="camel", omit_defaults=True):
    """Runs that look whether the repository is whole."""

    schedule: Cron = "weekly"
    read_data: Annotated[
        str,
        Meta(max_length=32, description="How much of the data is read: 5%, 100%. --read-data of `repository check`"),
    ] = "5%"


class Maintenance(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Runs that look after the repository. Without it nobody forgets, prunes or checks by schedule."""

    RULES: ClassVar[tuple[Rule, ...]] = (_SECRET_RULE,)

    secret: Annotated[
        SecretName,
        Meta(description="A Secret with credentials that may delete; by default those of the location."),
    ] = ""
    service_account_name: Annotated[Name, Meta(description="Of the pods; they get no token.")] = "default"
    time_zone: Annotated[TimeZone, Meta(description="Of these schedules, as Europe/Berlin.")] = "Etc/UTC"
    forget_schedule: Annotated[
        Cron,
        Meta(
            description="When plans' backups are thinned out, by each plan's retention, and what else is old is removed."
        ),
    ] = "daily"
    prune: Annotated[Prune | None, Meta(description="When space is given free, and how much.")] = msgspec.field(
        default_factory=Prune
    )
    check: Annotated[Check | None, Meta(description="When the repository is checked, and how much of it.")] = (
        msgspec.field(default_factory=Check)
    )


class StorageLocationSpec(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Where the repository is, and who looks after it."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _SECRET_RULE,
        Rule(
            "!self.url.matches('://[^/@]*:[^/@]*@')",
            "The URL holds a password, which everybody could read here. Put credentials into the Secret.",
        ),
    )

    url: Annotated[str, Meta(min_length=1, max_length=2048, description="The repository's URL, as of --repository.")]
    secret: Annotated[
        SecretName, Meta(min_length=1, description="The Secret with the password and the store's credentials.")
    ]
    maintenance: Annotated[Maintenance | None, Meta(description="Runs that look after the repository.")] = None
    pod: Annotated[PodSettings, Meta(description="Settings of the maintenance's pods.")] = msgspec.field(
        default_factory=PodSettings
    )


class StorageLocationStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What was found when the location was tried."""

    observed_generation: ObservedGeneration = 0
    conditions: Conditions = []
    last_checked: Annotated[str, Meta(description="When the location was tried last.")] = ""
    backups: Annotated[int, Meta(description="How many backups the repository has.")] = 0
    stored_bytes: Annotated[int, Meta(description="How large the repository is.")] = 0
    repository: Annotated[str, Meta(description="The repository's id, the same in every cluster that uses it.")] = ""
    notified: Annotated[str, Meta(description="What people were told of this location, and when it happened.")] = ""


class StorageLocation(msgspec.Struct, kw_only=True, rename="camel"):
    """A repository, and where its credentials are. Deleting it keeps the repository."""

    metadata: Metadata
    spec: StorageLocationSpec
    status: StorageLocationStatus = msgspec.field(default_factory=StorageLocationStatus)
    api_version: str = API_VERSION
    kind: str = "StorageLocation"
