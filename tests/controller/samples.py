"""Objects as the controller keeps them, with the few fields that a test is about."""

from __future__ import annotations

import msgspec

from holdfast.api.backup import Backup
from holdfast.api.backup_plan import BackupPlan
from holdfast.api.restore import Restore
from holdfast.api.run_status import RunStatus
from holdfast.api.storage_location import StorageLocation


def a_plan(name="nightly", namespace="shop", *, spec=None, created="2026-01-01T00:00:00Z", **status):
    """`status` in camelCase; runs as `a_run` makes them."""
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
            "spec": {"schedule": "daily", "location": "main", "backup": {}, **(spec or {})},
            "status": msgspec.to_builtins(status),
        },
        BackupPlan,
    )


def a_run(outcome="done", ended="2026-11-26T02:03:10Z", **fields):
    return RunStatus(
        outcome=outcome, finished_at=ended if outcome else "", job=f"plan-nightly-{ended or 'running'}", **fields
    )


def a_location(name="main", namespace="shop", **status):
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"url": "s3:http://store/backups", "secret": "store"},
            "status": status,
        },
        StorageLocation,
    )


def a_backup(phase="", namespace="shop"):
    return msgspec.convert(
        {"metadata": {"name": "one", "namespace": namespace}, "spec": {"location": "main"}, "status": {"phase": phase}},
        Backup,
    )


def a_restore(phase="", namespace="shop"):
    return msgspec.convert(
        {
            "metadata": {"name": "one", "namespace": namespace},
            "spec": {"location": "main", "backup": "latest"},
            "status": {"phase": phase},
        },
        Restore,
    )


def condition(type_, status="True", since="2026-11-26T02:04:00Z", message=""):
    return {"type": type_, "status": status, "reason": "Because", "message": message, "lastTransitionTime": since}
