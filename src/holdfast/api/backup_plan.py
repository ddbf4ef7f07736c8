"""BackupPlan: what is backed up, when, where to, and how long it is kept."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from holdfast.api.conditions import Conditions, ObservedGeneration
from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.retention import Retention
from holdfast.api.rules import AS_A_WHOLE, Rule
from holdfast.api.run_status import RunStatus
from holdfast.api.selection import BackupFields, Span

RUNNER = "holdfast-runner"
"""The ServiceAccount whose rights a run has if the object names no other."""
LocationName = Annotated[
    str,
    Meta(min_length=1, max_length=317),
]


TimeZone = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*$")]


class BackupPlanSpec(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What is backed up, when, where to, and how long it is kept."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.schedule.contains('TZ=')",
            "The schedule names a time zone, which Kubernetes refuses there. Write it into timeZone.",
        ),
        Rule(
            "self.schedule.trim() == self.schedule",
            "The schedule begins or ends with blanks. Write it without them, as 0 3 * * *.",
        ),
        Rule(
            "self.timeZone != 'Local'",
            "The time zone Local is another one on every machine. Name one, as Europe/Berlin or Etc/UTC.",
        ),
    )

    schedule: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Five fields of cron, `@every 6h`, or hourly, daily, weekly, monthly. `H` in place of a minute or hour "
            "spreads plans over the time.",
        ),
    ]
    time_zone: Annotated[TimeZone, Meta(description="Whose hours these are, as Europe/Berlin.")] = "Etc/UTC"
    suspend: Annotated[
        bool, Meta(description="Whether the plan is paused. Runs by hand go on.", extra_json_schema={"default": False})
    ] = False
    starting_deadline_seconds: Annotated[
        int, Meta(ge=10, le=86400, description="A run that could not start for so long is missed.")
    ] = 600
    location: Annotated[LocationName, Meta(description="Where to: a StorageLocation in the same namespace.")]
    service_account_name: Annotated[Name, Meta(description="Whose rights the runs have.")] = RUNNER
    backup: Annotated[BackupFields, Meta(description="What is backed up.")]
    full_every: Annotated[Span, Meta(description="A full backup is made when the newest one is older: 7d, 1m.")] = ""
    retention: Annotated[Retention, Meta(description="How long backups are kept; without it, for ever.")] | None = None
    pod: Annotated[PodSettings, Meta(description="Settings of the runs' pods.")] = msgspec.field(
        default_factory=PodSettings
    )


class BackupPlanStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """How the plan is getting on."""

    observed_generation: ObservedGeneration = 0
    conditions: Conditions = []
    cron: Annotated[str, Meta(description="The schedule as Kubernetes reads it.")] = ""
    cron_job: Annotated[str, Meta(description="Name of the CronJob.")] = ""
    next_run: Annotated[str, Meta(description="When the next run is due.")] = ""
    last_run: Annotated[RunStatus | None, Meta(description="The newest run.")] = None
    last_success: Annotated[str, Meta(description="When the newest good backup was finished.")] = ""
    failures: Annotated[int, Meta(description="Runs that failed or were missed since the newest good one.")] = 0
    missed: Annotated[str, Meta(description="The newest scheduled time at which no run began.")] = ""
    recent: Annotated[list[RunStatus], AS_A_WHOLE, Meta(description="The newest runs, newest first.")] = []
    retention: Annotated[RunStatus | None, Meta(description="The newest run of `backup forget`.")] = None
    notified: Annotated[str, Meta(description="What people were told of this plan, and when it happened.")] = ""


class BackupPlan(msgspec.Struct, kw_only=True, rename="camel"):
    """What is backed up, when, where to, and how long it is kept. Deleting it keeps all backups."""

    metadata: Metadata
    spec: BackupPlanSpec
    status: BackupPlanStatus = msgspec.field(default_factory=BackupPlanStatus)
    api_version: str = API_VERSION
    kind: str = "BackupPlan"
