"""What decisions about all kinds have in common: whose object it is, whether it may run, and where it may write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from holdfast.api.metadata import Metadata
from holdfast.api.names import STAMP_ANNOTATION
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.actions import Action, Delete, Known, Look, SetMetadata, SetStatus
from holdfast.controller.allowed_locations import REASON, refused_location, refused_reference
from holdfast.controller.views import CronJob, Job
from holdfast.controller.world import World
from holdfast.manifests.jobs import CRON_JOBS
from holdfast.manifests.run_pod import Installation
from holdfast.model.run import Problem

_PATIENCE = dt.timedelta(seconds=20)
"""How long a run may stand still before its reason is looked for."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a decision may look at."""

    world: World
    known: Known
    installation: Installation
    now: dt.datetime


class Blocked(NamedTuple):
    """Why an object cannot run as it is; for a condition."""

    reason: str
    message: str


def is_copy(metadata: Metadata) -> bool:
    """Whether it was accepted under another UID before: somebody restored it or copied it from another cluster."""
    return metadata.annotations.get(STAMP_ANNOTATION, metadata.uid) != metadata.uid


def copied(kind: str) -> Blocked:
    how = "Run `holdfast plan resume`" if kind == "BackupPlan" else f"Remove the annotation {STAMP_ANNOTATION}"
    return Blocked(
        "Copied",
        "This is a copy of an object that ran elsewhere, so it does nothing here: two clusters might do the same work. "
        f"{how} if it is to work in this cluster.",
    )


def stamp(metadata: Metadata) -> list[Action]:
    """Marks an object as accepted, once."""
    if metadata.annotations.get(STAMP_ANNOTATION) == metadata.uid:
        return []
    return [SetMetadata({"annotations": {STAMP_ANNOTATION: metadata.uid}})]


def location_for(scene: Scene, namespace: str, name: str) -> StorageLocation | Blocked:
    """The location that an object in `namespace` names."""
    locations = scene.world.all(StorageLocation)
    refused = refused_reference(namespace, name, locations, scene.installation.namespace)
    if refused is not None:
        return not_allowed(refused)
    found = scene.world.get(StorageLocation, namespace, name)
    if found is None:
        return Blocked(
            "LocationNotFound",
            f"There is no StorageLocation {name} in the namespace {namespace}. Make it with `holdfast location add "
            f"{namespace}/{name}`, or correct the name.",
        )
    refused = refused_location(found, locations, scene.installation.namespace)
    return not_allowed(refused) if refused is not None else found


def not_allowed(problem: Problem) -> Blocked:
    return Blocked(REASON, f"{problem.what}: {problem.why}. {problem.next}")


def all_but(names: Collection[str], live: Mapping[str, CronJob]) -> list[Action]:
    """Deletes the CronJobs that are there and not among `names`."""
    return [
        Delete(CRON_JOBS, one.metadata.namespace, name, one.metadata.uid)
        for name, one in live.items()
        if name not in names
    ]


def look_into(job: Job, look: Look, now: dt.datetime) -> tuple[list[Action], dt.datetime]:
    """For a run that stands still without a reason: the look once it has done so for a while, and when to decide again."""
    created = moment(job.metadata.creation_timestamp) or now
    return [look] if now >= created + _PATIENCE else [], max(created, now) + _PATIENCE


def new_status(former: Any, present: Any) -> list[Action]:
    """SetStatus if the two, structs of a status, differ."""
    before, after = msgspec.to_builtins(former), msgspec.to_builtins(present)
    return [] if before == after else [SetStatus(after)]


def moment(text: str) -> dt.datetime | None:
    """RFC 3339 as Kubernetes and runs write it; None for ""."""
    return dt.datetime.fromisoformat(text) if text else None
