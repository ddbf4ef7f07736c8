"""Restore: a request for one restore, and what became of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from holdfast.api.backup import BackupStatus
from holdfast.api.backup_plan import RUNNER, LocationName
from holdfast.api.hooks import Dumps, Hooks, NoHooks
from holdfast.api.metadata import Metadata
from holdfast.api.movers import MoverFields
from holdfast.api.names import API_VERSION
from holdfast.api.pod_settings import Name, PodSettings
from holdfast.api.rules import EACH_ONCE, Rule, given, switched_on
from holdfast.api.selection import SelectionFields

Mapped = Annotated[dict[str, Annotated[str, Meta(min_length=1, max_length=512)]], Meta(max_length=256)]


class RestoreSpec(SelectionFields, kw_only=True, rename="camel", omit_defaults=True):
    """What is restored, and how: the flags of `restore run`. It is a request that is carried out once."""

    MAY_CHANGE: ClassVar[tuple[str, ...]] = ()
    RULES: ClassVar[tuple[Rule, ...]] = (
        *SelectionFields.RULES,
        Rule(
            f"!({switched_on('rollback')} && {given('mapNamespaces')})",
            "A rollback is about the namespaces that were backed up, so rollback and mapNamespaces contradict each other. "
            "Restore into the other namespace without rollback.",
        ),
        Rule(
            f"!({switched_on('rollback')} && self.onConflict in ['update', 'fail'])",
            "A rollback replaces what differs, so rollback and this onConflict contradict each other. Leave out one of them.",
        ),
        Rule(
            f"!{switched_on('deleteData')} || {switched_on('rollback')}",
            "Only a rollback deletes, so deleteData has no effect alone. Add rollback: true, or leave it out.",
        ),
        Rule(
            f"!({given('plan')} || {given('before')}) || self.backup == 'latest'",
            "plan and before choose among backups, and here one is named. Write backup: latest, or leave them out.",
        ),
        Rule(
            f"!{given('plan')} || self.plan.matches('^[^/]+/[^/]+$')",
            "A plan is named with its namespace. Write plan: NAMESPACE/NAME.",
        ),
        Rule(
            f"!({switched_on('dryRun')} && {switched_on('wait')})",
            "A dry run restores nothing to wait for. Leave out dryRun or wait.",
        ),
    )

    location: Annotated[LocationName, Meta(description="Where from: a StorageLocation in the same namespace.")]
    service_account_name: Annotated[Name, Meta(description="Whose rights the run has.")] = RUNNER
    backup: Annotated[str, Meta(min_length=1, max_length=200, description="Id, name, or `latest`.")]
    plan: Annotated[str, Meta(max_length=317, description="The plan that `latest` is of, NAMESPACE/NAME. --plan")] = ""
    before: Annotated[str, Meta(max_length=64, description="`latest` is older than this. --before")] = ""
    map_namespaces: Annotated[Mapped, Meta(description="Old name to new name. --map-namespace")] = msgspec.field(
        default_factory=dict
    )
    map_storage_classes: Annotated[Mapped, Meta(description="Old name to new name. --map-storage-class")] = (
        msgspec.field(default_factory=dict)
    )
    map_images: Annotated[Mapped, Meta(description="Old registry or image to new one. --map-image")] = msgspec.field(
        default_factory=dict
    )
    on_conflict: Annotated[
        Literal["skip", "update", "replace", "fail"], Meta(description="Objects that exist and differ. --on-conflict")
    ] = "skip"
    rollback: Annotated[bool, Meta(description="Make the selection exactly what it was. --rollback")] = False
    delete_data: Annotated[bool, Meta(description="With rollback: new claims and volumes too. --delete-data")] = False
    restore_status: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=640)]],
        EACH_ONCE,
        Meta(max_length=256, description="Kinds whose status comes back. --restore-status"),
    ] = msgspec.field(default_factory=list)
    volumes: Annotated[
        Literal["auto", "none", "overwrite"],
        Meta(description="Data of volumes: into new claims, not at all, or also into existing ones. --volumes"),
    ] = "auto"
    volume_claims: Annotated[
        list[Annotated[str, Meta(min_length=3, max_length=317)]],
        EACH_ONCE,
        Meta(max_length=256, description="Data of these claims only, NAMESPACE/NAME in the backup. --volume"),
    ] = msgspec.field(default_factory=list)
    volume_sizes: Annotated[
        dict[str, Annotated[str, Meta(min_length=1, max_length=32)]],
        Meta(max_length=256, description="Claim NAMESPACE/NAME in the backup to another size: 20Gi. --volume-size"),
    ] = msgspec.field(default_factory=dict)
    hooks: Annotated[
        Hooks, Meta(description="Commands in containers after the restore, and how dumps are loaded. --hooks")
    ] = msgspec.field(default_factory=list)
    dumps: Dumps = "given"
    no_hooks: NoHooks = False
    movers: Annotated[MoverFields | None, Meta(description="The pods that write volumes.")] = None
    quarantine: Annotated[bool, Meta(description="For clones, without a way in or out. --quarantine")] = False
    wait: Annotated[bool, Meta(description="Until what was restored is ready. --wait")] = False
    dry_run: Annotated[bool, Meta(description="Only plan. --dry-run")] = False
    pod: Annotated[PodSettings, Meta(description="Settings of the run's pod.")] = msgspec.field(
        default_factory=PodSettings
    )


class Restore(msgspec.Struct, kw_only=True, rename="camel"):
    """A request for one restore, and what became of it."""

    metadata: Metadata
    spec: RestoreSpec
    status: BackupStatus = msgspec.field(default_factory=BackupStatus)
    api_version: str = API_VERSION
    kind: str = "Restore"
