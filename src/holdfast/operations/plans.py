"""Plans as their runs meet them: read from the cluster, and turned into what a backup or its retention is asked for."""

from __future__ import annotations

import contextlib
import datetime as dt
import zoneinfo
from collections.abc import Mapping

import msgspec

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.names import BACKUP_PLANS
from holdfast.api.selection import BackupFields
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, NotFound, UsageError
from holdfast.manifests.naming import scheduled_time
from holdfast.model.backup import BackupType, VolumesMode
from holdfast.model.hooks import DumpMode, HookSet
from holdfast.model.plan_name import PlanName
from holdfast.model.retention import RetentionPolicy
from holdfast.model.span import Span
from holdfast.objects.hooks.flags import hooks_of_flags
from holdfast.objects.storage.policy import VolumePolicy, parse_policy
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.plan_run import PlanRun
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath

_NOT_FOUND = 404


def read_plan(cluster: Cluster, name: PlanName) -> BackupPlan:
    """Raises NotFound if the cluster has no such plan, or no plans at all; ApiRefused; UsageError for one that makes no sense."""
    kind = BACKUP_PLANS.group_resource
    try:
        found = cluster.get(BACKUP_PLANS, name.namespace, name.name)
    except ApiRefused as error:
        if error.status == _NOT_FOUND:
            raise NotFound(
                f"the plan {name} cannot be read",
                why=f"this cluster has no {kind}: Holdfast's custom resources are not installed in it",
                next="Check --kubeconfig and --context, install them, or say without --plan what to do.",
            ) from error
        if error.reason == "Forbidden":
            raise ApiRefused(
                f"the plan {name} cannot be read",
                status=error.status,
                reason=error.reason,
                why=error.why,
                next=f"Give the account the verb get on {kind} in the namespace {name.namespace}.",
            ) from error
        raise
    if found is None:
        raise NotFound(
            f"there is no plan {name}",
            why=f"the namespace {name.namespace} has no BackupPlan of that name in this cluster",
            next=f"List plans with `kubectl get {kind} --all-namespaces`.",
        )
    try:
        return msgspec.json.decode(found, type=BackupPlan)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"the plan {name} makes no sense",
            why=str(error),
            next="Correct the BackupPlan; the custom resource definition of this version of Holdfast refuses such objects.",
        ) from error


def back_up_options(
    plan: BackupPlan, *, name: str = "", labels: Mapping[str, str], cluster_name: str, job: str
) -> BackUpOptions:
    """What a run of the plan asks for. `labels` come on top of the plan's; `job` is the Job around this run, "" if there is none.

    Raises UsageError for what the plan says wrongly, and for labels that contradict it.
    """
    wanted = plan.spec.backup
    for key, value in labels.items():
        if wanted.labels.get(key, value) != value:
            raise UsageError(
                f"--label {key}={value} contradicts the plan",
                why=f"the plan says {key}={wanted.labels[key]}",
                next="Leave it out, or change the plan.",
            )
    full_every = plan.spec.full_every
    return BackUpOptions(
        selection=wanted.selection,
        name=name,
        type=BackupType(wanted.type),
        volumes=VolumesMode(wanted.volumes),
        volume_policy=_policy(wanted),
        exclude_paths=tuple(map(ExcludedPath.parse, wanted.exclude_paths)),
        hooks=_hooks(wanted),
        labels={**wanted.labels, **labels},
        keep_for=Span.parse(wanted.keep_for, "keepFor") if wanted.keep_for else None,
        cluster_name=cluster_name,
        key=PlanRun(
            plan=PlanName(plan.metadata.namespace, plan.metadata.name),
            scheduled=scheduled_time(job),
            job=job,
            full_every=Span.parse(full_every, "fullEvery") if full_every else None,
            zone=_zone(plan.spec.time_zone),
        ),
    )


def retention_of(plan: BackupPlan) -> RetentionPolicy:
    """Without a `retention` nothing is forgotten. Raises UsageError for rules that keep nothing."""
    return plan.spec.retention.policy if plan.spec.retention is not None else RetentionPolicy()


def _policy(wanted: BackupFields) -> VolumePolicy:
    if wanted.volume_policy is None:
        return VolumePolicy()
    return parse_policy(msgspec.to_builtins(wanted.volume_policy), "the plan's volumePolicy")


def _hooks(wanted: BackupFields) -> HookSet:
    """By way of the document that people write, so that there is one place that reads hooks."""
    documents = [("the plan's hooks", msgspec.json.encode(wanted.hooks))] if wanted.hooks else []
    return hooks_of_flags({}, documents, enabled=not wanted.no_hooks, dumps=DumpMode(wanted.dumps))


def _zone(name: str) -> dt.tzinfo:
    """UTC if this machine does not know the zone: the days of a full backup are not worth a failed run."""
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(name)
    return dt.UTC
