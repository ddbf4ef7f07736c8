"""The Jobs of runs, and the CronJobs that make them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.api.metadata import Metadata
from holdfast.api.names import API_VERSION, HASH_ANNOTATION, OWNER_ANNOTATION
from holdfast.manifests.naming import Role
from holdfast.manifests.run_pod import CONTAINER, Installation, Work, labels, pod_template
from holdfast.model.kubernetes import Resource

CRON_JOBS = Resource(group="batch", version="v1", plural="cronjobs", kind="CronJob", namespaced=True)
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job", namespaced=True)
_FINAL_EXIT_CODES = [2, 3, 10, 12, 130]
"""Usage, partial, no repository, wrong password, cancelled: another try would end the same way."""
FAILURE_POLICY: Mapping[str, Any] = {
    "rules": [
        # An eviction or a lost node is nobody's failure. It stands first because such a pod ends with a code too.
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": _FINAL_EXIT_CODES},
        },
    ]
}
"""After which ends of its pod a Job makes another one: `podFailurePolicy`."""
_RETRIES: Mapping[Role, int] = {Role.RESTORE: 0, Role.TEST: 0, Role.FORGET: 0}
_OTHER_RETRIES = 2
_KEPT_SECONDS: Mapping[Role, int] = {Role.TEST: 300}
_OTHERS_KEPT_SECONDS = 24 * 3600  # logs of pods can be read so long
_DEADLINES: Mapping[Role, int] = {Role.TEST: 60}
_HISTORY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a CronJob makes Jobs."""

    cron: str
    time_zone: str
    suspend: bool
    starting_deadline: int  # seconds


def run_job(name: str, owner: Metadata, work: Work, installation: Installation) -> dict[str, Any]:
    """A Job that runs at once. It goes with its `owner`, the object it works for."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(name, owner, work),
        "spec": _job_spec(work, installation),
    }


def cron_job(name: str, owner: Metadata, work: Work, timing: Timing, installation: Installation) -> dict[str, Any]:
    """A CronJob, with a digest of all that it says in an annotation."""
    spec = {
        "schedule": timing.cron,
        "timeZone": timing.time_zone,
        "suspend": timing.suspend,
        "concurrencyPolicy": "Forbid",
        # Kubernetes counts an interval from the last run, but from no earlier than the deadline allows: with a deadline
        # that is shorter than the interval it would never come.
        **({} if timing.cron.startswith("@every") else {"startingDeadlineSeconds": timing.starting_deadline}),
        "successfulJobsHistoryLimit": _HISTORY,
        "failedJobsHistoryLimit": _HISTORY,
        "jobTemplate": {
            "metadata": {
                "labels": labels(work.kind, work.name, work.role),
                "annotations": {OWNER_ANNOTATION: work.name},
            },
            "spec": _job_spec(work, installation),
        },
    }
    metadata = _metadata(name, owner, work)
    metadata["annotations"][HASH_ANNOTATION] = hashlib.sha256(msgspec.json.encode(spec)).hexdigest()[:16]
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def _metadata(name: str, owner: Metadata, work: Work) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": work.namespace,
        "labels": labels(work.kind, work.name, work.role),
        "annotations": {OWNER_ANNOTATION: work.name},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": work.kind,
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def _job_spec(work: Work, installation: Installation) -> dict[str, Any]:
    deadline = _DEADLINES.get(work.role)
    return {
        "backoffLimit": _RETRIES.get(work.role, _OTHER_RETRIES),
        **({"activeDeadlineSeconds": deadline} if deadline else {}),
        "ttlSecondsAfterFinished": _KEPT_SECONDS.get(work.role, _OTHERS_KEPT_SECONDS),
        "podFailurePolicy": FAILURE_POLICY,
        "template": pod_template(work, installation),
    }
