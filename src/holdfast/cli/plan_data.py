"""The flags of `plan create` about data, as fields of a BackupPlan."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.cli.context import Session
from holdfast.cli.given_document import given_document
from holdfast.cli.hook_options import hooks_of
from holdfast.cli.mover_options import PARALLEL, PARALLEL_PER_NODE
from holdfast.cli.output import say
from holdfast.errors import UsageError


def data_fields(session: Session, flags: dict[str, Any]) -> dict[str, Any]:
    """Arguments of BackupFields. What is as it would be anyway is left out. Raises UsageError."""
    from holdfast.api.movers import MoverFields  # noqa: PLC0415 - see main
    from holdfast.operations.hooks.as_fields import hook_fields  # noqa: PLC0415
    from holdfast.operations.movers.settings import MoverOptions, mover_resources  # noqa: PLC0415
    from holdfast.operations.volumes_of_backup.exclude_paths import ExcludedPath  # noqa: PLC0415

    for pattern in flags["exclude_paths"]:
        ExcludedPath.parse(pattern)
    mover_resources(MoverOptions(cpu=flags["mover_cpu"], memory=flags["mover_memory"]))
    parallel, per_node = flags["parallel_volumes"], flags["parallel_per_node"]
    movers = MoverFields(
        parallel=None if parallel == PARALLEL else parallel,
        parallel_per_node=None if per_node == PARALLEL_PER_NODE else per_node,
        cpu=flags["mover_cpu"],
        memory=flags["mover_memory"],
    )
    hooks = hooks_of(flags)
    for note in hooks.notes:
        say(session, f"Note: {note}")
    return {
        "volumes": flags["volumes"],
        "volume_policy": _policy(flags["volume_policy"]),
        "exclude_paths": list(flags["exclude_paths"]),
        "hooks": [hook_fields(hook) for hook in hooks.hooks],
        "dumps": hooks.dumps.value,
        "no_hooks": not hooks.enabled,
        "movers": None if movers == MoverFields() else movers,
    }


def _policy(text: str) -> Any:
    from holdfast.api.volume_policy import VolumePolicyDocument  # noqa: PLC0415
    from holdfast.objects.storage.policy import parse_policy, read_policy  # noqa: PLC0415

    if not text:
        return None
    name, document = given_document("--volume-policy", text)
    parse_policy(document, name)  # says what is wrong better than the API server would
    try:
        return msgspec.convert(read_policy(document, name), VolumePolicyDocument)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{name} fits into no BackupPlan",
            why=str(error),
            next="Correct the file; docs/volume-policy.md has its form.",
        ) from error
