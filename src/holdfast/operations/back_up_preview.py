"""What a backup would take, and why: `backup create --dry-run`. Nothing is written, and no repository is needed."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.capture import Capture, Captured, Taken
from holdfast.operations.volumes_of_backup.plan import PlannedVolume, planned_volumes
from holdfast.operations.volumes_of_backup.planning import plan_work


class PlannedObject(msgspec.Struct, frozen=True):
    """One line of a dry run."""

    kind: str  # "deployments.apps"
    namespace: str
    name: str
    size: int  # bytes
    reason: str


@dataclass(frozen=True, slots=True)
class BackupPreview:
    objects: list[PlannedObject]
    volumes: list[PlannedVolume]
    captured: Captured
    notes: list[str]


class _PreviewSink:
    def __init__(self) -> None:
        self.objects: list[PlannedObject] = []

    def keep(self, taken: Taken) -> PlannedObject:
        seen = taken.seen
        return PlannedObject(taken.resource.group_resource, seen.namespace, seen.name, len(taken.data), taken.reason)

    def commit(self, resource: Resource, tokens: list[PlannedObject]) -> None:  # noqa: ARG002 - the sink's contract
        self.objects.extend(tokens)


def preview(cluster: Cluster, options: BackUpOptions, cancel: Cancel, progress: Progress) -> BackupPreview:
    """Whether movers can reach a repository is not looked at."""
    sink = _PreviewSink()
    captured = Capture(cluster, options.selection, sink, cancel, progress).run()
    sink.objects.sort(key=lambda item: (item.namespace, item.kind, item.name))
    work = plan_work(cluster, captured, options, progress)
    return BackupPreview(sink.objects, planned_volumes(work.plan), captured, list(work.notes))
