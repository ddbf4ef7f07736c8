"""A run of a plan beside its schedule: a Job made of the plan's CronJob, as `kubectl create job --from` makes one."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from holdfast.api.conditions import ConditionType, find
from holdfast.api.metadata import Metadata
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, NotFound
from holdfast.manifests.jobs import CRON_JOBS, JOBS
from holdfast.manifests.naming import manual_job, plan_cron_job
from holdfast.model.plan_name import PlanName
from holdfast.operations.plans import read_plan

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no words by chance
_UNIQUE = 5


class _TemplateMetadata(msgspec.Struct, kw_only=True):
    """What a Job takes over. Older API servers send more here, with null for the time of creation."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _JobTemplate(msgspec.Struct, kw_only=True):
    metadata: _TemplateMetadata = msgspec.field(default_factory=_TemplateMetadata)
    spec: msgspec.Raw


class _CronJobSpec(msgspec.Struct, kw_only=True, rename="camel"):
    job_template: _JobTemplate


class _CronJob(msgspec.Struct, kw_only=True):
    metadata: Metadata
    spec: _CronJobSpec


def run_now(cluster: Cluster, name: PlanName) -> str:
    """The name of the new Job.

    Raises NotFound without the plan, or while it has no CronJob; ApiRefused.
    """
    plan = read_plan(cluster, name)
    wanted = plan.status.cron_job or plan_cron_job(name.name)
    found = cluster.get(CRON_JOBS, name.namespace, wanted)
    if found is None:
        ready = find(plan.status.conditions, ConditionType.READY)
        why = ready.message if ready and ready.status == "False" else "the controller has not made it yet"
        raise NotFound(
            f"the plan {name} cannot be run",
            why=f"it has no CronJob {wanted}; {why}",
            next=f"Look at it with `holdfast plan show {name}`, and whether the controller is at work.",
        )
    job = _job(msgspec.json.decode(found, type=_CronJob))
    try:
        cluster.create(JOBS, name.namespace, msgspec.json.encode(job))
    except ApiRefused as error:
        raise ApiRefused(
            f"the plan {name} cannot be run",
            status=error.status,
            reason=error.reason,
            why=error.why,
            next=error.next,
            causes=error.causes,
        ) from error
    job_name: str = job["metadata"]["name"]
    return job_name


def _job(cron_job: _CronJob) -> dict[str, Any]:
    """Its name does not end as those of scheduled runs do, so nothing takes it for one."""
    unique = "".join(secrets.choice(_LETTERS) for _ in range(_UNIQUE))
    template = cron_job.spec.job_template
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": manual_job(cron_job.metadata.name, unique),
            "labels": template.metadata.labels,
            "annotations": {**template.metadata.annotations, "cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": cron_job.metadata.name,
                    "uid": cron_job.metadata.uid,
                    "controller": True,
                }
            ],
        },
        "spec": template.spec,
    }
