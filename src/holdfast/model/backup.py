"""What a backup says about itself: its type, its record (`/backup.json`), and how it is tagged and listed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from holdfast.model.hooks import HookRecord
from holdfast.model.kubernetes import Resource
from holdfast.model.run import Outcome, Problem, Run
from holdfast.model.volume import VolumeRecord


class BackupType(StrEnum):
    """What is read anew and what "changed since" refers to; all types restore alone. Objects are always listed in full."""

    FULL = "full"
    INCREMENTAL = "incremental"  # since the newest backup of the same selection
    DIFFERENTIAL = "differential"  # since its newest full one


class VolumesMode(StrEnum):
    AUTO = "auto"  # a volume that was selected and could not be saved makes the run partial
    NONE = "none"  # left out knowingly


class ClusterRecord(msgspec.Struct, kw_only=True, frozen=True):
    """The cluster a backup was taken from."""

    uid: str  # of the namespace kube-system: names a cluster, as its address does not; "" if it may not be read
    name: str  # --cluster-name, else the uid
    version: str  # "v1.34.4"


class ResourceRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One kind in a backup."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    count: int


def resource_records(counts: Mapping[Resource, int]) -> list[ResourceRecord]:
    """Kinds and how many objects there are of each, in order."""
    return [
        ResourceRecord(
            group=resource.group,
            version=resource.version,
            plural=resource.plural,
            kind=resource.kind,
            namespaced=resource.namespaced,
            count=count,
        )
        for resource, count in sorted(counts.items(), key=lambda item: item[0].group_resource)
    ]


class Unread(msgspec.Struct, kw_only=True, frozen=True):
    """A kind that could not be listed."""

    kind: str  # "deployments.apps"
    namespace: str  # "" for all of them, and for cluster-scoped kinds


class Changes(msgspec.Struct, kw_only=True, frozen=True):
    """Objects compared with the backup that `since` names."""

    since: str  # snapshot id
    added: int
    changed: int
    removed: int
    unchanged: int


class BackupReport(Run, kw_only=True, rename="camel"):
    """The run of a backup, and what became of each volume and hook."""

    volumes: list[VolumeRecord] = msgspec.field(default_factory=list)
    hooks: list[HookRecord] = msgspec.field(default_factory=list)


class BackupRecord(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The content of `/backup.json`."""

    format_version: int = 1
    run: str
    name: str
    kind: str = "app"
    type: BackupType
    outcome: Outcome
    started_at: str
    finished_at: str
    holdfast_version: str
    cluster: ClusterRecord
    selection: dict[str, Any]
    labels: dict[str, str]
    resources: list[ResourceRecord]
    empty: list[str] = []  # kinds that were listed and had nothing: "deployments.apps"
    unread: list[Unread] = []  # what of the selection is unknown
    namespaces: list[str]
    excluded: dict[str, int]  # exclusion rule → objects it kept out
    volumes: list[VolumeRecord]
    hooks: list[HookRecord] = []
    changes: Changes | None
    errors: list[Problem]
    keep_until: str = ""  # as of its Run
    plan: str = ""  # the plan whose run made it, `shop/nightly`; "" for a backup by hand
    scheduled_at: str = ""  # RFC 3339: the time that the plan's schedule meant; "" for runs by hand


RECORD_PATH = "/backup.json"
