"""What a user asks of a backup of an application."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.model.backup import BackupType, VolumesMode
from holdfast.model.hooks import HookSet
from holdfast.model.selection import Selection
from holdfast.model.span import Span
from holdfast.objects.storage.policy import VolumePolicy
from holdfast.operations.run_key import RunKey
from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath


@dataclass(frozen=True, slots=True, kw_only=True)
class BackUpOptions:
    """An empty name becomes one made of the selection and the time."""

    selection: Selection
    name: str = ""
    type: BackupType = BackupType.INCREMENTAL
    volumes: VolumesMode = VolumesMode.AUTO
    volume_policy: VolumePolicy = field(default_factory=VolumePolicy)
    exclude_paths: tuple[ExcludedPath, ...] = ()  # of volumes
    hooks: HookSet = field(default_factory=HookSet)
    labels: dict[str, str] = field(default_factory=dict)
    keep_for: Span | None = None  # instead of the rules of `backup forget`
    cluster_name: str = ""
    key: RunKey | None = None  # None for a backup by hand
