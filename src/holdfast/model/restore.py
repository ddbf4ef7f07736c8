"""What a restore is asked for, what it would do, and what it did – object by object."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from holdfast.model.diff import FieldChange
from holdfast.model.hooks import HookRecord
from holdfast.model.run import Problem, Run
from holdfast.model.volume import VolumeOutcome


class OnConflict(StrEnum):
    """What happens to an object that exists in the target and differs from the backup."""

    SKIP = "skip"  # it stays as it is and is reported
    UPDATE = "update"  # it becomes what the backup says; what the server allocated stays
    REPLACE = "replace"  # the same, and where a field cannot be changed the object is deleted and created again
    FAIL = "fail"  # the restore does not begin


class Action(StrEnum):
    """What a plan says about one object."""

    CREATE = "create"
    UNCHECKED = "unchecked"  # would be created; nobody can say yet whether the server will accept it
    UNCHANGED = "unchanged"
    EXISTS = "exists"  # differs, and stays as it is
    UPDATE = "update"
    REPLACE = "replace"  # differs in what cannot be changed: it is deleted and created again
    DELETE = "delete"  # was created since
    KEEP = "keep"  # was created since, and stays; `why` says what for
    MERGE = "merge"  # gets what it lacks, whatever --on-conflict says
    LEFT_OUT = "left out"  # a rule says that it must not be restored
    BLOCKED = "blocked"  # cannot be restored as things are


class Result(StrEnum):
    """What became of one object."""

    CREATED = "created"
    UPDATED = "updated"
    REPLACED = "replaced"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


class ReadBack(StrEnum):
    """What an object that a restore wrote was found to be afterwards."""

    NOT_READ = ""  # nothing was written, or --no-verify
    VERIFIED = "verified"  # as the restore wanted it
    DIFFERS = "differs"  # changed since, as controllers do; its fields are named
    MISSING = "missing"  # was made and is gone
    UNREADABLE = "unreadable"  # this account may not read it


class ObjectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a plan."""

    kind: str  # "deployments.apps"
    namespace: str  # in the target; "" for cluster-scoped objects
    name: str
    action: Action
    why: str = ""
    next: str = ""
    differences: list[str] = []  # paths of fields, where the object exists and differs
    reason: str = ""  # why it is selected
    changes: list[FieldChange] = []  # the same fields: `before` is live now, `after` what a restore makes of it


class ObjectResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a report."""

    kind: str
    namespace: str
    name: str
    result: Result
    why: str = ""
    next: str = ""
    uid: str = ""  # of an object that was created or replaced
    read_back: ReadBack = ReadBack.NOT_READ
    differences: list[str] = []  # paths of fields, where `read_back` says that it differs


class Volumes(StrEnum):
    """What a restore does about the data of claims: `--volumes`."""

    AUTO = "auto"  # fills the claims that it makes
    NONE = "none"  # nothing: claims that it makes are empty
    OVERWRITE = "overwrite"  # claims that exist get the backup's data, too


class VolumeAction(StrEnum):
    """What a plan says about the data of one claim."""

    FILL = "fill"  # the claim is made, with its data
    OVERWRITE = "overwrite"  # the claim exists, and gets exactly what the backup has
    KEEP = "keep"  # the claim exists, and stays as it is
    EMPTY = "empty"  # the claim is made without data; `why` says why there is none
    BLOCKED = "blocked"  # the data cannot be restored as things are, and the claim is not made


class VolumePlan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a plan: the data of one claim."""

    namespace: str  # in the target
    name: str
    original: str  # in the backup: "shop/data"
    action: VolumeAction
    why: str = ""
    next: str = ""
    storage_class: str = ""  # that it gets in the target; "": the cluster's default
    size: str = ""  # "10Gi", as it is asked for there
    files: int = 0  # that the backup holds
    bytes: int = 0


class VolumeResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a report: what became of the data of one claim."""

    namespace: str
    name: str
    original: str  # in the backup: "shop/data"
    action: VolumeAction  # as it was planned
    outcome: VolumeOutcome  # `left-out`: kept as it was, or knowingly empty
    why: str = ""
    next: str = ""
    files: int = 0  # restored
    bytes: int = 0
    verified: int = 0  # files that were read back and compared
    deleted: int = 0  # files that the backup does not have, of a claim that was overwritten
    volume: str = ""  # name of the PersistentVolume
    storage_class: str = ""
    node: str = ""  # where it was written
    started_at: str = ""
    finished_at: str = ""
    errors: list[Problem] = []  # the first of them
    error_count: int = 0


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """How long a restore waited until what it restored was ready."""

    seconds: float
    objects: int  # that can be ready or not
    ready: int


class RestorePlanView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `restore plan -o json` prints."""

    backup: str  # snapshot id
    backup_name: str
    cluster: str  # uid of the target
    on_conflict: OnConflict
    rollback: bool
    counts: dict[str, int]  # action → objects
    objects: list[ObjectPlan]
    notes: list[str]
    errors: list[Problem]
    volumes: list[VolumePlan] = []


class RestoreReport(Run, kw_only=True, rename="camel"):
    """A restore's run, and what became of each object."""

    backup: str
    cluster: str
    namespaces: dict[str, str]  # as mapped
    objects: list[ObjectResult]
    rollback: bool = False
    safety_point: str = (
        ""  # id of the snapshot that holds what was changed; "" if nothing that existed was to be changed
    )
    undoes: str = ""  # id of the restore that this one took back
    waited: Waited | None = None  # None without --wait
    read_back: dict[str, int] = msgspec.field(default_factory=dict)  # what was found → objects; only what there is
    volumes: list[VolumeResult] = msgspec.field(default_factory=list)
    hooks: list[HookRecord] = msgspec.field(default_factory=list)  # dumps that were loaded, hooks that were run


class ObjectName(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a cluster."""

    kind: str  # "deployments.apps"
    namespace: str  # "" for cluster-scoped objects
    name: str


class SafetyRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a safety point says beside the objects in it: the content of `/safety.json`."""

    run: str  # the restore that was about to begin
    backup: str  # id of the snapshot that it restores from
    namespaces: dict[str, str]  # as mapped
    absent: list[ObjectName]  # did not exist, and were about to be created


SAFETY_PATH = "/safety.json"
