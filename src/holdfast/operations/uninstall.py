"""Removing Holdfast from a cluster, and never a backup.

The order is the safety proof:
1. the controller goes, and its pods are waited for: from then on nobody acts on what is deleted;
2. only then may definitions go. With them the API server deletes all our objects, those with `deletionPolicy: Delete` too, for
   which a controller would delete backups. Their finalizers, which nobody is left to answer, are taken off before;
3. the roles of runs go last, and only if no run is left that would need them: plans are CronJobs, which go on without a
   controller. Stopping to back up because a program was removed is the greater harm, so they are paused only if asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from holdfast.api.names import (
    API_VERSION,
    FINALIZER,
    GROUP,
    HASH_ANNOTATION,
    KIND_LABEL,
    MANAGED_BY,
    MANAGER,
    RESOURCES,
)
from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.errors import ApiRefused
from holdfast.manifests.installation import DEFINITIONS, DEPLOYMENTS, PART_LABEL
from holdfast.manifests.jobs import CRON_JOBS, JOBS
from holdfast.manifests.role_table import Part
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object, at, items, name_of, namespace_of
from holdfast.objects.readiness import condition
from holdfast.operations.applying import FIELD_MANAGER, Became, InstallStep, key_of, listed, remove
from holdfast.operations.install import made_by, refuse_others
from holdfast.operations.rollout import wait_stopped

_OURS = f"{MANAGED_BY}={MANAGER},{KIND_LABEL}"
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Present:
    """What there is that may outlive the controller."""

    schedules: list[Object] = field(default_factory=list)  # CronJobs of plans and of maintenance that are not paused
    running: list[Object] = field(default_factory=list)  # Jobs that have not ended
    definitions: list[Object] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # our objects, by kind


def look(cluster: Cluster) -> Present:
    """Raises ApiRefused."""
    definitions = [one for one in listed(cluster, DEFINITIONS) if at(one, "spec").get("group") == GROUP]
    return Present(
        [one for one in listed(cluster, CRON_JOBS, label_selector=_OURS) if not at(one, "spec").get("suspend")],
        [one for one in listed(cluster, JOBS, label_selector=_OURS) if not _has_ended(one)],
        definitions,
        Counter(resource.kind for resource, _ in _our_objects(cluster, definitions)),
    )


def uninstall(
    cluster: Cluster,
    namespace: str,
    present: Present,
    progress: Progress,
    *,
    pause_plans: bool = False,
    with_definitions: bool = False,
    dry_run: bool = False,
) -> list[InstallStep]:
    """Gives one step for each object that was removed, paused, or kept because something needs it.

    Raises PlanRefused if Helm or another namespace has the installation, ClusterError if the controller does not end, ApiRefused.
    """
    refuse_others(cluster, namespace)
    made = [(resource, obj) for resource, _, obj in made_by(cluster, namespace)]
    runners = [one for one in made if _part(one[1]) == Part.RUNNER]
    progress.phase("uninstall")
    program = [one for one in made if one[0] == DEPLOYMENTS]
    steps = [remove(cluster, *one, dry_run=dry_run) for one in program]
    if not dry_run:
        wait_stopped(cluster, namespace, _PATIENCE)
    steps += [remove(cluster, *one, dry_run=dry_run) for one in made if one not in program and one not in runners]
    if with_definitions:
        steps += _remove_definitions(cluster, present.definitions, dry_run=dry_run)
        return steps + [remove(cluster, *one, dry_run=dry_run) for one in runners]
    needed_by = present.running
    if pause_plans:
        steps += [_pause(cluster, one, dry_run=dry_run) for one in present.schedules]
    else:
        needed_by = [*present.schedules, *present.running]
        steps += [
            InstallStep(str(key_of(CRON_JOBS, one)), Became.KEPT, "goes on by its schedule")
            for one in present.schedules
        ]
    steps += [InstallStep(str(key_of(JOBS, one)), Became.KEPT, "is running") for one in present.running]
    if needed_by:
        return steps + [InstallStep(str(key_of(*one)), Became.KEPT, "these runs need it") for one in runners]
    return steps + [remove(cluster, *one, dry_run=dry_run) for one in runners]


def _our_objects(cluster: Cluster, definitions: Sequence[Object]) -> Iterator[tuple[Resource, Object]]:
    """All objects of the kinds that are defined."""
    defined = {at(one, "spec", "names").get("plural") for one in definitions}
    for resource in RESOURCES:
        if resource.plural in defined:
            for obj in listed(cluster, resource):
                yield resource, obj


def _has_ended(job: Object) -> bool:
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


def _part(obj: Object) -> str:
    return str(at(obj, "metadata", "labels").get(PART_LABEL, ""))


def _pause(cluster: Cluster, cron_job: Object, *, dry_run: bool) -> InstallStep:
    """Without the digest of what the controller wrote: the next controller makes it as its plan says, and so lets it go on."""
    change = {"spec": {"suspend": True}, "metadata": {"annotations": {HASH_ANNOTATION: None}}}
    _patch(cluster, CRON_JOBS, cron_job, change, dry_run=dry_run)
    return InstallStep(str(key_of(CRON_JOBS, cron_job)), Became.PAUSED)


def _remove_definitions(cluster: Cluster, definitions: Sequence[Object], *, dry_run: bool) -> list[InstallStep]:
    """What is there is looked for now: until its end the controller may have made more, and set finalizers.

    CronJobs and Jobs are deleted by name. The garbage collector does not know an owner whose kind went before it had looked.
    """
    steps = [
        remove(cluster, resource, one, dry_run=dry_run)
        for resource in (CRON_JOBS, JOBS)
        for one in listed(cluster, resource, label_selector=_OURS)
        if any(owner.get("apiVersion") == API_VERSION for owner in items(one, "metadata", "ownerReferences"))
    ]
    for resource, obj in _our_objects(cluster, definitions):
        finalizers = at(obj, "metadata").get("finalizers", [])
        if FINALIZER in finalizers:
            metadata = {
                "finalizers": [one for one in finalizers if one != FINALIZER],
                "resourceVersion": at(obj, "metadata")["resourceVersion"],  # somebody else may be changing them, too
            }
            _patch(cluster, resource, obj, {"metadata": metadata}, dry_run=dry_run)
    return steps + [remove(cluster, DEFINITIONS, one, dry_run=dry_run) for one in definitions]


def _patch(cluster: Cluster, resource: Resource, obj: Object, change: Object, *, dry_run: bool) -> None:
    """A merge patch; that the object is gone is fine."""
    try:
        cluster.patch(
            resource,
            namespace_of(obj),
            name_of(obj),
            msgspec.json.encode(change),
            patch_type=PatchType.MERGE,
            field_manager=FIELD_MANAGER,
            dry_run=dry_run,
        )
    except ApiRefused as error:
        if error.reason != "NotFound":
            raise
