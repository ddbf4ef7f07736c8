"""The command line that a pod runs for an object: fields of its spec become the flags of the same names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from holdfast.api.backup import BackupSpec
from holdfast.api.movers import MoverFields
from holdfast.api.restore import RestoreSpec
from holdfast.api.retention import Retention
from holdfast.api.selection import BackupFields, SelectionFields
from holdfast.api.storage_location import Check, Prune
from holdfast.errors import UsageError

_AUTO = "auto"
_GIVEN = "given"
_LONGEST = 100_000
"""Bytes of a document in a flag: Linux starts no program with an argument of 128 KiB or more."""


def back_up_plan(plan: str) -> list[str]:
    """`plan` is NAMESPACE/NAME; what is backed up is read from it when the pod runs."""
    return ["backup", "create", f"--plan={plan}"]


def back_up(name: str, spec: BackupSpec) -> list[str]:
    """`name` is the backup's. Raises UsageError for a document that no command line can hold."""
    return ["backup", "create", f"--name={name}", *_backup_flags(spec)]


def restore(backup: str, spec: RestoreSpec) -> list[str]:
    """`backup` is an id, a name, or `latest`. Raises UsageError for a document that no command line can hold."""
    return [
        "restore",
        "plan" if spec.dry_run else "run",
        backup,
        *_text("--plan", spec.plan),
        *_text("--before", spec.before),
        *_selection_flags(spec),
        *_pairs("--map-namespace", spec.map_namespaces),
        *_pairs("--map-storage-class", spec.map_storage_classes),
        *_pairs("--map-image", spec.map_images),
        *([] if spec.rollback else _text("--on-conflict", spec.on_conflict)),
        *_switch("--rollback", spec.rollback),
        *_switch("--delete-data", spec.delete_data),
        *_each("--restore-status", spec.restore_status),
        *([] if spec.volumes == _AUTO else [f"--volumes={spec.volumes}"]),
        *_each("--volume", spec.volume_claims),
        *_pairs("--volume-size", spec.volume_sizes),
        *_document("--hooks", spec.hooks),
        *([] if spec.dumps == _GIVEN else [f"--dumps={spec.dumps}"]),
        *_switch("--no-hooks", spec.no_hooks),
        *_mover_flags(spec.movers),
        *_switch("--quarantine", spec.quarantine),
        *([] if spec.dry_run else [*_switch("--wait", spec.wait), "--yes"]),
    ]


def forget(plan: str, cluster: str, retention: Retention, time_zone: str) -> list[str]:
    """Needs no right in the cluster, because the rules are here."""
    whose = [f"--plan={plan}", f"--host={cluster}", f"--time-zone={time_zone}"]
    return ["backup", "forget", *whose, *retention.flags(), "--yes"]


def tidy() -> list[str]:
    """Removes what no plan's rules are about: old reports, parts, safety points, and backups whose --keep-for is over."""
    return ["backup", "forget", "--yes"]


def delete(backup_id: str) -> list[str]:
    return ["backup", "delete", backup_id, "--yes"]


def prune(settings: Prune) -> list[str]:
    return [
        "repository",
        "prune",
        *_text("--max-unused", settings.max_unused),
        *_text("--max-repack", settings.max_repack),
    ]


def check(settings: Check) -> list[str]:
    return ["repository", "check", *_text("--read-data", settings.read_data)]


def test_location() -> list[str]:
    return ["location", "test"]


def _backup_flags(fields: BackupFields) -> list[str]:
    return [
        *_selection_flags(fields),
        *([] if fields.volumes == _AUTO else [f"--volumes={fields.volumes}"]),
        *_document("--volume-policy", fields.volume_policy),
        *_each("--exclude-path", fields.exclude_paths),
        *_document("--hooks", fields.hooks),
        *([] if fields.dumps == _GIVEN else [f"--dumps={fields.dumps}"]),
        *_switch("--no-hooks", fields.no_hooks),
        *_mover_flags(fields.movers),
        f"--type={fields.type}",
        *_pairs("--label", fields.labels),
        *_text("--keep-for", fields.keep_for),
    ]


def _selection_flags(fields: SelectionFields) -> list[str]:
    return [
        *_each("--namespace", fields.namespaces),
        *_switch("--all-namespaces", fields.all_namespaces),
        *_each("--exclude-namespace", fields.exclude_namespaces),
        *_text("--namespace-selector", fields.namespace_selector),
        *_text("--selector", fields.selector),
        *_text("--exclude-selector", fields.exclude_selector),
        *_each("--include-kind", fields.include_kinds),
        *_each("--exclude-kind", fields.exclude_kinds),
        *_each("--object", fields.objects),
        *_each("--workload", fields.workloads),
        *([] if fields.cluster_objects == _AUTO else [f"--cluster-objects={fields.cluster_objects}"]),
    ]


def _mover_flags(movers: MoverFields | None) -> list[str]:
    return (
        []
        if movers is None
        else [
            *_number("--parallel-volumes", movers.parallel),
            *_number("--parallel-per-node", movers.parallel_per_node),
            *_text("--mover-cpu", movers.cpu),
            *_text("--mover-memory", movers.memory),
        ]
    )


def _document(flag: str, value: object) -> list[str]:
    """As JSON text, which a flag that names a file takes as well; empty ones are left out."""
    if not value:
        return []
    text = msgspec.json.encode(value).decode()
    if len(text.encode()) > _LONGEST:
        raise UsageError(
            f"{flag} is too long",
            why=f"it would have {len(text.encode()):,} bytes, and no more than {_LONGEST:,} fit into a command line",
            next="Make it shorter, or split what it is about into several objects.",
        )
    return [f"{flag}={text}"]


def _number(flag: str, value: int | None) -> list[str]:
    return [] if value is None else [f"{flag}={value}"]


def _text(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value else []


def _switch(flag: str, value: bool) -> list[str]:
    return [flag] if value else []


def _each(flag: str, values: Iterable[str]) -> list[str]:
    return [f"{flag}={value}" for value in values]


def _pairs(flag: str, values: Mapping[str, str]) -> list[str]:
    return [f"{flag}={key}={value}" for key, value in sorted(values.items())]
