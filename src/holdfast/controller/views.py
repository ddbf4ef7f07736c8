"""What the controller reads of other people's kinds: a few fields, so that thousands of objects fit into little memory."""

from __future__ import annotations

import msgspec

from holdfast.api.metadata import Metadata
from holdfast.model.kubernetes import Resource

PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
EVENTS = Resource(group="", version="v1", plural="events", kind="Event", namespaced=True)


class CronJobSpec(msgspec.Struct, kw_only=True, rename="camel"):
    schedule: str = ""
    time_zone: str = ""
    suspend: bool = False


class CronJobStatus(msgspec.Struct, kw_only=True, rename="camel"):
    last_schedule_time: str = ""


class CronJob(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    spec: CronJobSpec = msgspec.field(default_factory=CronJobSpec)
    status: CronJobStatus = msgspec.field(default_factory=CronJobStatus)


_ENDS = ("Complete", "Failed")


class JobCondition(msgspec.Struct, kw_only=True, rename="camel"):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""


class JobStatus(msgspec.Struct, kw_only=True, rename="camel"):
    conditions: list[JobCondition] = []
    start_time: str = ""
    completion_time: str = ""
    active: int = 0
    succeeded: int = 0
    failed: int = 0


class Job(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    status: JobStatus = msgspec.field(default_factory=JobStatus)

    def _has(self, condition: str) -> bool:
        return any(one.type == condition and one.status == "True" for one in self.status.conditions)

    @property
    def has_succeeded(self) -> bool:
        return self._has("Complete")

    @property
    def has_failed(self) -> bool:
        return self._has("Failed")

    @property
    def has_ended(self) -> bool:
        return self.has_succeeded or self.has_failed

    @property
    def ended_at(self) -> str:
        """Empty while it goes on. It stays the same when the pods, with what they reported, go before the Job does."""
        ends = (
            one.last_transition_time for one in self.status.conditions if one.type in _ENDS and one.status == "True"
        )
        return next(ends, "")


class Waiting(msgspec.Struct, kw_only=True, rename="camel"):
    reason: str = ""
    message: str = ""


class Terminated(msgspec.Struct, kw_only=True, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, kw_only=True, rename="camel"):
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, kw_only=True, rename="camel"):
    name: str = ""
    state: ContainerState = msgspec.field(default_factory=ContainerState)


class PodStatus(msgspec.Struct, kw_only=True, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[JobCondition] = []
    container_statuses: list[ContainerStatus] = []


class Pod(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    @property
    def job(self) -> str:
        """Name of the Job that made it."""
        return next((owner.name for owner in self.metadata.owner_references if owner.kind == "Job"), "")

    @property
    def has_ended(self) -> bool:
        return self.status.phase in ("Succeeded", "Failed")


class Namespace(msgspec.Struct, kw_only=True, rename="camel"):
    metadata: Metadata

    @property
    def is_going(self) -> bool:
        return bool(self.metadata.deletion_timestamp)
