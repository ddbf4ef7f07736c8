"""The CronJobs of a plan, as they should be, and since when they have their times."""

from __future__ import annotations

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import timestamp
from holdfast.api.names import HASH_ANNOTATION, SINCE_ANNOTATION
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Action, Apply
from holdfast.controller.subject import Scene, all_but, moment
from holdfast.controller.views import CronJob
from holdfast.controller.world import Key
from holdfast.errors import UsageError
from holdfast.manifests import commands
from holdfast.manifests.jobs import CRON_JOBS, Timing, cron_job
from holdfast.manifests.naming import Role, plan_cron_job
from holdfast.manifests.run_pod import Work
from holdfast.schedule.schedule import Schedule

_FORGET_DEADLINE = 3600  # seconds


class PlanCronJobs:
    """`in_force`: since when the CronJob of backups has the times that it has."""

    def __init__(self, plan: BackupPlan, key: Key, scene: Scene) -> None:
        self.actions: list[Action] = []
        self.in_force = scene.now
        self._plan = plan
        self._key = key
        self._scene = scene
        self._live = {one.metadata.name: one for one in scene.world.made_for(key, CronJob)}

    @property
    def live(self) -> CronJob | None:
        """The one of backups, as it is in the cluster."""
        return self._live.get(plan_cron_job(self._key.name))

    def write(self, schedule: Schedule, location: StorageLocation) -> None:
        """Brings them to what the plan says."""
        spec = self._plan.spec
        timing = Timing(
            cron=schedule.cron,
            time_zone=spec.time_zone,
            suspend=spec.suspend,
            starting_deadline=spec.starting_deadline_seconds,
        )
        wanted = {Role.BACKUP: (timing, self._backup_work(location))}
        maintenance = location.spec.maintenance
        thinning = self._thinning(location) if spec.retention is not None else None
        if thinning is not None and maintenance is not None:
            timing = Timing(
                cron=thinning.cron,
                time_zone=maintenance.time_zone,
                suspend=spec.suspend,
                starting_deadline=_FORGET_DEADLINE,
            )
            wanted[Role.FORGET] = (timing, self.forget_work(location))
        names = set()
        for role, (when, work) in wanted.items():
            body = cron_job(
                plan_cron_job(self._plan.metadata.name, role),
                self._plan.metadata,
                work,
                when,
                self._scene.installation,
            )
            names.add(body["metadata"]["name"])
            live = self._live.get(body["metadata"]["name"])
            since = body["metadata"]["annotations"][SINCE_ANNOTATION] = self._since(live, when)
            if role is Role.BACKUP:
                self.in_force = moment(since) or self._scene.now
            if live is None or not _is_as_wanted(live, body):
                self.actions.append(Apply(CRON_JOBS, body))
        self.actions += all_but(names, self._live)

    def remove(self) -> None:
        """For a plan that may not run at all."""
        self.actions += all_but((), self._live)

    def forget_work(self, location: StorageLocation) -> Work:
        """For a plan with retention and a location with maintenance."""
        retention, maintenance = self._plan.spec.retention, location.spec.maintenance
        assert retention is not None
        assert maintenance is not None
        name = self._plan.metadata.full_name
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=Role.FORGET,
            command=commands.forget(name, self._scene.installation.cluster, retention, self._plan.spec.time_zone),
            url=location.spec.url,
            secret=maintenance.secret or location.spec.secret,
            service_account=maintenance.service_account_name,
            settings=location.spec.pod,
        )

    def _thinning(self, location: StorageLocation) -> Schedule | None:
        """When the plan's backups are thinned out; None if the location does not say, or wrongly: then it is told there."""
        maintenance = location.spec.maintenance
        if maintenance is None:
            return None
        try:
            return Schedule.parse(maintenance.forget_schedule, maintenance.time_zone, self._plan.metadata.full_name)
        except UsageError:
            return None

    def _since(self, live: CronJob | None, timing: Timing) -> str:
        """When the CronJob began to have these times; at earlier ones nothing was missed."""
        if live is not None and _times(live) == (timing.cron, timing.time_zone, timing.suspend):
            return live.metadata.annotations.get(SINCE_ANNOTATION, live.metadata.creation_timestamp)
        return timestamp(self._scene.now)

    def _backup_work(self, location: StorageLocation) -> Work:
        spec = self._plan.spec
        return Work(
            kind=self._key.kind,
            name=self._key.name,
            namespace=self._key.namespace,
            role=Role.BACKUP,
            command=commands.back_up_plan(self._plan.metadata.full_name),
            url=location.spec.url,
            secret=location.spec.secret,
            service_account=spec.service_account_name,
            settings=spec.pod,
        )


def _is_as_wanted(live: CronJob, body: dict[str, object]) -> bool:
    """Whether nobody changed what the controller wrote; a person's `kubectl edit` of what matters is put back."""
    metadata, spec = body["metadata"], body["spec"]
    assert isinstance(metadata, dict)
    assert isinstance(spec, dict)
    same = live.metadata.annotations.get(HASH_ANNOTATION) == metadata["annotations"][HASH_ANNOTATION]
    return same and _times(live) == (spec["schedule"], spec["timeZone"], spec["suspend"])


def _times(live: CronJob) -> tuple[str, str, bool]:
    return live.spec.schedule, live.spec.time_zone, live.spec.suspend
