"""A restore plan: what would become of each object, computed before anything is changed; it checks itself and is used once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.errors import PlanRefused
from holdfast.model.diff import FieldChange
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import (
    Action,
    ObjectPlan,
    ObjectResult,
    OnConflict,
    Result,
    VolumeAction,
    VolumePlan,
    Volumes,
)
from holdfast.model.run import Problem
from holdfast.model.selection import Selection
from holdfast.model.volume import VolumeRecord
from holdfast.objects.fields import Object
from holdfast.objects.mapping import ObjectMapping
from holdfast.objects.patching.patch import Patch
from holdfast.objects.transforms import TRANSFORMS, Context, Transform
from holdfast.operations.movers.task import MoverSettings
from holdfast.operations.restore.preparation import Preparation
from holdfast.operations.restore.quarantine import refuse_foreign_namespaces
from holdfast.operations.restore.target import NAMESPACES, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """What a user asks for. `transforms` is the whole table except in tests of its rows."""

    selection: Selection
    mapping: ObjectMapping = field(default_factory=ObjectMapping)
    on_conflict: OnConflict = OnConflict.SKIP
    rollback: bool = False  # also deletes what was created since; goes with REPLACE
    delete_data: bool = False  # of that, also what takes data along
    transforms: Sequence[Transform] = TRANSFORMS
    patches: Sequence[Patch] = ()
    show_secrets: bool = False  # values of Secrets in what the plan shows
    restore_status: tuple[str, ...] = ()  # kinds whose status comes back, as a user names them
    pause_gitops: bool = False  # owners in GitOps hold still for the time of the restore
    quarantine: bool = False  # what is restored must not reach, or stand in for, the original
    open_inside: bool = False  # of a quarantine: its pods reach each other within a namespace
    scale_down_first: tuple[str, ...] = ()  # workloads, as `deployment/shop/operator`, without pods for that time
    wait: float | None = None  # seconds for what is restored to become ready; None: do not wait
    verify: bool = True  # read back and compare what was written
    volumes: Volumes = Volumes.AUTO
    volume_claims: tuple[str, ...] = ()  # as the backup names them, `shop/data`: only their data; empty: of all claims


DESTRUCTIVE = frozenset((Action.UPDATE, Action.REPLACE, Action.DELETE))
CREATING = frozenset((Action.CREATE, Action.UNCHECKED))
MOVING = frozenset((VolumeAction.FILL, VolumeAction.OVERWRITE))


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """One object of the plan; its content stays in the backup until it is needed."""

    resource: Resource  # in the version in which it is sent
    key: ObjectKey  # in the target
    path: str  # in the backup; "" for what it does not hold
    owners: tuple[ObjectKey, ...]
    action: Action
    why: str = ""
    next: str = ""
    changes: tuple[FieldChange, ...] = ()
    seen: bytes = b""  # fingerprint of the live object that is to be changed or deleted
    uid: str = ""  # of the live object that is to be deleted
    reason: str = ""  # why it is selected

    def view(self) -> ObjectPlan:
        return ObjectPlan(
            kind=self.key.group_resource,
            namespace=self.key.namespace,
            name=self.key.name,
            action=self.action,
            why=self.why,
            next=self.next,
            differences=[change.path for change in self.changes],
            changes=list(self.changes),
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVolume:
    """The data of one claim, with all that is needed to bring it back."""

    view: VolumePlan
    item: PlannedObject  # the claim itself
    record: VolumeRecord | None
    desired: Object  # the claim as it is to be in the target
    pod_spec: Object | None = None  # of the pods that will mount it
    mounted_by: tuple[ObjectKey, ...] = ()  # objects of the plan
    keeps_data: bool = False  # the backup's volume had the reclaim policy Retain
    stopped: tuple[ObjectKey, ...] = ()  # what uses the claim now, and holds still while it is written
    bound_beforehand: bool = False  # the claim names its PersistentVolume

    @property
    def moves(self) -> bool:
        """Whether a mover has to write it."""
        return self.view.action in MOVING


class ObjectReader(Protocol):
    """Where the content of planned objects is read from; a BackupSource is one."""

    def read_objects(self, paths: Sequence[str]) -> Iterator[tuple[str, Object]]: ...


class NoObjects:
    """The reader of a plan that only deletes."""

    def read_objects(self, paths: Sequence[str]) -> Iterator[tuple[str, Object]]:  # noqa: ARG002
        return iter(())


@dataclass(slots=True)
class RestorePlan:
    """Made by `plan_restore`. `check` it, then hand it to `execute`, which takes it only once."""

    options: RestoreOptions
    target: Target
    context: Context
    preparation: Preparation
    source: ObjectReader
    objects: list[PlannedObject]
    problems: list[Problem]
    used: bool = False
    notes: list[str] = field(default_factory=list)
    status_kinds: frozenset[str] = frozenset()  # group resources
    to_hold: list[ObjectKey] = field(default_factory=list)  # what holds still while the plan is carried out
    volumes: list[PlannedVolume] = field(default_factory=list)
    movers: MoverSettings | None = None  # None if no volume needs a mover

    @property
    def counts(self) -> Counter[Action]:
        return Counter(item.action for item in self.objects)

    @property
    def destructive(self) -> list[PlannedObject]:
        """What would overwrite or delete something that exists."""
        return [item for item in self.objects if item.action in DESTRUCTIVE]

    @property
    def overwritten_data(self) -> list[PlannedVolume]:
        """Claims whose files would be replaced; no safety point holds these."""
        return [volume for volume in self.volumes if volume.view.action is VolumeAction.OVERWRITE]

    def check(self) -> None:
        """Raises PlanRefused if the plan must not begin: with `fail`, when anything exists and differs; with a quarantine,
        when a namespace exists that is none.
        """
        if self.options.quarantine:
            refuse_foreign_namespaces(self.target, namespaces_of(self.objects))
        if self.options.on_conflict is OnConflict.FAIL:
            existing = [str(item.key) for item in self.objects if item.action is Action.EXISTS]
            if existing:
                raise PlanRefused(
                    f"{len(existing)} objects exist and differ, and --on-conflict is fail",
                    why=", ".join(existing[:5]) + (", …" if len(existing) > 5 else ""),
                    next="Nothing was changed. Use --on-conflict skip or update, or restore into another namespace.",
                )

    def take(self) -> None:
        """Marks the plan as used. Raises PlanRefused the second time: what it says about the target is out of date."""
        if self.used:
            raise PlanRefused("a plan can be used only once", next="Make a new plan.")
        self.used = True


def namespaces_of(objects: Sequence[PlannedObject]) -> list[str]:
    """The namespaces that objects are in or make, in order."""
    keys = [item.key for item in objects]
    return sorted({key.name if key.group_resource == NAMESPACES else key.namespace for key in keys} - {""})


CHANGED_SINCE = ("it was changed after the plan was made, and was left alone", "Look at it, and run the restore again.")
"""(why, next) of an object that the plan would change."""


def result_of(
    item: PlannedObject,
    result: Result,
    why: str = "",
    next: str = "",  # noqa: A002
    uid: str = "",
) -> ObjectResult:
    """One line of the report."""
    return ObjectResult(
        kind=item.key.group_resource,
        namespace=item.key.namespace,
        name=item.key.name,
        result=result,
        why=why,
        next=next,
        uid=uid,
    )
