"""BackupPlans as people handle them in a cluster: listed, applied, paused, resumed, deleted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import timestamp
from holdfast.api.names import BACKUP_PLANS, CLI_MANAGER, SINCE_ANNOTATION, STAMP_ANNOTATION, STORAGE_LOCATIONS
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused, HoldfastError, NotFound, UsageError
from holdfast.manifests.jobs import CRON_JOBS
from holdfast.manifests.naming import plan_cron_job
from holdfast.model.plan_name import PlanName
from holdfast.model.selection import Selection
from holdfast.objects.selection import normalise
from holdfast.operations.plans import read_plan

_NOT_FOUND = 404
_FORBIDDEN = 403


def list_plans(cluster: Cluster, namespace: str | None) -> list[BackupPlan]:
    """Those of one namespace, or of all (None), by name. Raises NotFound if the cluster knows no plans; ApiRefused."""
    try:
        items = whole(cluster.list(BACKUP_PLANS, namespace=namespace)).items
    except ApiRefused as error:
        raise _in_words(error, "plans cannot be listed", namespace or "") from error
    found = [msgspec.json.decode(item, type=BackupPlan) for item in items]
    return sorted(found, key=lambda plan: plan.metadata.full_name)


def check_selection(cluster: Cluster, selection: Selection) -> None:
    """Raises UsageError for selectors, objects and workloads that are none, and for kinds that the cluster does not serve."""
    normalise(selection, lambda kind: cluster.api_surface().find(kind))


def apply_plan(cluster: Cluster, manifest: dict[str, Any], *, update: bool) -> BackupPlan:
    """Creates the plan, or with `update` makes an existing one what the manifest says.

    Raises UsageError if there is one and `update` is not said; NotFound without the namespace or the kind; ApiRefused.
    """
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    what = f"the plan {namespace}/{name} was not accepted"
    try:
        if not update and cluster.get(BACKUP_PLANS, namespace, name) is not None:
            raise UsageError(
                f"there is a plan {namespace}/{name} already",
                why="it would be changed to what these flags say",
                next="Choose another name, or give --update.",
            )
        applied = cluster.patch(
            BACKUP_PLANS,
            namespace,
            name,
            msgspec.json.encode(manifest),
            patch_type=PatchType.APPLY,
            field_manager=CLI_MANAGER,
            force=True,
        )
    except ApiRefused as error:
        raise _in_words(error, what, namespace) from error
    return msgspec.json.decode(applied, type=BackupPlan)


def has_location(cluster: Cluster, namespace: str, name: str) -> bool | None:
    """None if that cannot be told, as without the right to read locations."""
    try:
        return cluster.get(STORAGE_LOCATIONS, namespace, name) is not None
    except ApiRefused:
        return None


def suspend_plan(cluster: Cluster, name: PlanName) -> bool:
    """False if it was paused already. Raises NotFound, ApiRefused."""
    plan = read_plan(cluster, name)
    if plan.spec.suspend:
        return False
    _merge(cluster, name, {"spec": {"suspend": True}})
    return True


def resume_plan(cluster: Cluster, name: PlanName) -> tuple[bool, bool]:
    """Whether it was paused, and whether it was a copy of another plan and runs from now on. Raises NotFound, ApiRefused."""
    plan = read_plan(cluster, name)
    copied = plan.metadata.annotations.get(STAMP_ANNOTATION, plan.metadata.uid) != plan.metadata.uid
    if plan.spec.suspend or copied:
        change: dict[str, Any] = {"spec": {"suspend": False}}
        if copied:
            change["metadata"] = {"annotations": {STAMP_ANNOTATION: None}, "uid": plan.metadata.uid}
        _merge(cluster, name, change)
    return plan.spec.suspend, copied


def switch_cron_job(cluster: Cluster, name: PlanName, *, suspend: bool, now: dt.datetime) -> bool:
    """Pauses or resumes the plan's CronJob at once, so that it does not take a controller. False if the caller may not.

    It notes since when, as the controller does: what did not run before was not missed.
    """
    change = {"metadata": {"annotations": {SINCE_ANNOTATION: timestamp(now)}}, "spec": {"suspend": suspend}}
    body = msgspec.json.encode(change)
    cron_job = plan_cron_job(name.name)
    try:
        cluster.patch(CRON_JOBS, name.namespace, cron_job, body, patch_type=PatchType.MERGE, field_manager=CLI_MANAGER)
    except ApiRefused as error:
        if error.status == _NOT_FOUND:  # nobody made one yet, or the plan is a copy
            return True
        if error.status == _FORBIDDEN:
            return False
        raise
    return True


def delete_plan(cluster: Cluster, plan: BackupPlan) -> None:
    """It and no other of its name. Raises ApiRefused."""
    cluster.delete(BACKUP_PLANS, plan.metadata.namespace, plan.metadata.name, uid=plan.metadata.uid)


def _merge(cluster: Cluster, name: PlanName, change: dict[str, Any]) -> None:
    cluster.patch(
        BACKUP_PLANS,
        name.namespace,
        name.name,
        msgspec.json.encode(change),
        patch_type=PatchType.MERGE,
        field_manager=CLI_MANAGER,
    )


def _in_words(error: ApiRefused, what: str, namespace: str) -> HoldfastError:
    """What the API server said, as what a person who handles plans can do about it."""
    if error.status == _NOT_FOUND and not error.reason:  # the kind is not served; for an object there is a reason
        return NotFound(
            what,
            why=f"this cluster has no {BACKUP_PLANS.group_resource}: Holdfast is not installed in it",
            next="Check --kubeconfig and --context, or install it first: holdfast install",
        )
    if error.status == _NOT_FOUND:
        return NotFound(
            what, why=f"there is no namespace {namespace}", next=f"Make it first: kubectl create namespace {namespace}"
        )
    if error.reason == "Forbidden" and "cannot" in error.why:
        advice = f"Give the account rights on {BACKUP_PLANS.group_resource} in {namespace or 'all namespaces'}."
        return _again(error, what, error.why, advice)
    if error.causes:
        why = "; ".join(f"{field}: {message}" if field else message for field, message in error.causes)
        return _again(error, what, why, "Correct what it names.")
    return _again(error, what, error.why, error.next)


def _again(error: ApiRefused, what: str, why: str, advice: str) -> ApiRefused:
    return ApiRefused(what, status=error.status, reason=error.reason, why=why, next=advice, causes=error.causes)
