"""CronJobs that were created suspended: they are let go in the last phase of a restore, once the workloads are ready.

What cannot be let go is a failure with the command to do it by hand; what a run leaves held because it ends early is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from holdfast.cluster.cluster import PatchType
from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.restore import ObjectResult, Result
from holdfast.objects.fields import Object
from holdfast.objects.ownership import FIELD_MANAGER
from holdfast.objects.pausing import PAUSES, is_paused, resuming_command, resuming_patch
from holdfast.operations.restore.field_owners import give_back
from holdfast.operations.restore.target import Target

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Held:
    """An object that was written paused, and the owners that its fields get once it is let go."""

    served: Resource
    key: ObjectKey
    entries: tuple[Object, ...]


def release(target: Target, held: Iterable[Held], results: Sequence[ObjectResult], unready: str) -> list[ObjectResult]:
    """The results as they are afterwards. `unready` says why nothing is to be let go yet; "" lets all go.

    Raises ClusterUnreachable.
    """
    failed: dict[tuple[str, str, str], tuple[str, str]] = {}
    for one in held:
        problem = unready or _release(target, one)
        if problem:
            why = f"it is there, and was left suspended: {problem}"
            failed[_name(one)] = why, f"Let it go with `{_command(target, one)}`, or run the restore again."
    return [
        msgspec.structs.replace(each, result=Result.FAILED, why=failed[name][0], next=failed[name][1])
        if (name := (each.kind, each.namespace, each.name)) in failed
        else each
        for each in results
    ]


def still_held(held: Iterable[Held], results: Sequence[ObjectResult]) -> list[ObjectResult]:
    """The results of a run that ended before it could let anything go."""
    names = {_name(one) for one in held}
    return [
        msgspec.structs.replace(each, why="it is still suspended", next="Run the restore again.")
        if (each.kind, each.namespace, each.name) in names
        else each
        for each in results
    ]


def _release(target: Target, held: Held) -> str:
    """Lets an object act as it did before; returns why that was not possible, "" if it was.

    What somebody else does to it meanwhile is a conflict: look again, try again.
    """
    key = held.key
    for _ in range(_TRIES):
        live = target.read(held.served, key)
        if live is None or not is_paused(live):
            return ""  # somebody else took it away, or let it go
        body = msgspec.json.encode(resuming_patch(live, PAUSES[key.group_resource]))
        try:
            made = target.cluster.patch(
                held.served, key.namespace, key.name, body, patch_type=PatchType.MERGE, field_manager=FIELD_MANAGER
            )
        except ApiRefused as error:
            if error.reason == "Conflict":
                continue
            return error.why or error.what
        return give_back(target.cluster, held.served, key, held.entries, made) if held.entries else ""
    return "somebody else keeps writing to it"


def _command(target: Target, held: Held) -> str:
    """What a user can do where we could not."""
    live = target.read(held.served, held.key)
    return resuming_command(held.key, live or {}, PAUSES[held.key.group_resource])


def _name(held: Held) -> tuple[str, str, str]:
    return held.key.group_resource, held.key.namespace, held.key.name
