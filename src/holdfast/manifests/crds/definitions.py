"""Our kinds as CustomResourceDefinitions: their names, what `kubectl get` shows of them, and the schemas of their models."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from holdfast.api import names
from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.restore import Restore
from holdfast.api.storage_location import StorageLocation
from holdfast.manifests.crds.schemas import Schema, schema_of
from holdfast.model.kubernetes import Resource

CATEGORY = "holdfast"
"""`kubectl get holdfast` lists the objects of all our kinds."""


class _Column(NamedTuple):
    name: str
    path: str
    type: str = "string"
    wide: bool = False  # shown with `-o wide` only
    about: str = ""


class _Kind(NamedTuple):
    resource: Resource
    model: type[msgspec.Struct]
    short_name: str
    columns: tuple[_Column, ...]


def _condition(type_: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


_AGE = _Column("Age", ".metadata.creationTimestamp", "date")
_KINDS = (
    _Kind(
        names.STORAGE_LOCATIONS,
        StorageLocation,
        "hfl",
        (
            _Column("URL", ".spec.url", about="Where the repository is."),
            _Column("Ready", _condition("Ready"), about="Whether it can be used."),
            _Column("Reason", _condition("Ready", "reason"), about="Why it can or cannot."),
            _Column("Backups", ".status.backups", "integer", about="How many the repository has."),
            _Column("Bytes", ".status.storedBytes", "integer", wide=True, about="How large the repository is."),
            _Column("Checked", ".status.lastChecked", "date", about="When it was tried last."),
            _AGE,
        ),
    ),
    _Kind(
        names.BACKUP_PLANS,
        BackupPlan,
        "hfp",
        (
            _Column("Schedule", ".spec.schedule"),
            _Column("Suspended", ".spec.suspend", "boolean"),
            _Column("Next", ".status.nextRun", about="When the next run is due."),
            _Column("Last", ".status.lastRun.outcome", about="How the newest run ended."),
            _Column("Last Good", ".status.lastSuccess", "date", about="When the newest good backup was finished."),
            _Column("Healthy", _condition("Healthy"), about="Whether the newest run went well and none was missed."),
            _Column("Location", ".spec.location", wide=True),
            _Column("Failures", ".status.failures", "integer", wide=True, about="Since the newest good backup."),
            _Column("Reason", _condition("Healthy", "reason"), wide=True),
            _AGE,
        ),
    ),
    _Kind(
        names.BACKUPS,
        Backup,
        "hfb",
        (
            _Column("Phase", ".status.phase"),
            _Column("Outcome", ".status.run.outcome"),
            _Column("Objects", ".status.run.counts.objects", "integer"),
            _Column("Backup", ".status.run.name", about="The backup's name in the repository."),
            _Column("Volumes", ".status.run.counts.volumesSaved", "integer", wide=True, about="Whose data is in it."),
            _Column("Location", ".spec.location", wide=True),
            _Column("Type", ".spec.type", wide=True),
            _Column("Reason", ".status.run.reason", wide=True, about="Why it failed."),
            _AGE,
        ),
    ),
    _Kind(
        names.RESTORES,
        Restore,
        "hfr",
        (
            _Column("Backup", ".spec.backup"),
            _Column("Phase", ".status.phase"),
            _Column("Outcome", ".status.run.outcome"),
            _Column("Created", ".status.run.counts.created", "integer", about="Objects that were created."),
            _Column("Failed", ".status.run.counts.failed", "integer", about="Objects that could not be restored."),
            _Column("Location", ".spec.location", wide=True),
            _Column("Reason", ".status.run.reason", wide=True, about="Why it failed."),
            _AGE,
        ),
    ),
)


def definitions() -> list[dict[str, Any]]:
    """One CustomResourceDefinition for each of our kinds, to be applied before objects of these kinds."""
    return [_definition(kind) for kind in _KINDS]


def _definition(kind: _Kind) -> dict[str, Any]:
    resource = kind.resource
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": resource.group_resource,
            "labels": {"app.kubernetes.io/name": "holdfast", "app.kubernetes.io/part-of": "holdfast"},
        },
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": resource.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": _whole(kind.model)},
                }
            ],
        },
    }


def _whole(model: type[msgspec.Struct]) -> Schema:
    """The schema of an object; what all objects have is Kubernetes' own business."""
    schema = schema_of(model)
    properties = schema["properties"]
    common: Schema = {
        "apiVersion": {"type": "string", "description": "holdfast.dev/v1alpha1"},
        "kind": {"type": "string", "description": "The kind of this object."},
        "metadata": {"type": "object"},
    }
    return {
        **schema,
        "required": ["spec"],
        "properties": common | {name: properties[name] for name in ("spec", "status")},
    }


def _column(column: _Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        **({"description": column.about} if column.about else {}),
        **({"priority": 1} if column.wide else {}),
    }
