"""The last phase of a restore: CronJobs that were created suspended are let go, once the workloads are ready.

What cannot be let go is a failure with the command to do it by hand; what a run leaves held because it ends early is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.model.restore import ObjectResult, Result
from holdfast.operations.restore.writing import Held, ObjectWriter


def release_held(writer: ObjectWriter, results: Sequence[ObjectResult], unready: str) -> list[ObjectResult]:
    """The results as they are afterwards. `unready` says why nothing is to be let go yet; "" lets all go."""
    failed: dict[tuple[str, str, str], tuple[str, str]] = {}
    for held in writer.held.values():
        problem = unready or writer.release(held)
        if problem:
            why = f"it is there, and was left suspended: {problem}"
            failed[_name(held)] = why, f"Let it go with `{writer.release_command(held)}`, or run the restore again."
    return [
        msgspec.structs.replace(each, result=Result.FAILED, why=failed[name][0], next=failed[name][1])
        if (name := (each.kind, each.namespace, each.name)) in failed
        else each
        for each in results
    ]


def still_held(writer: ObjectWriter, results: Sequence[ObjectResult]) -> list[ObjectResult]:
    """The results of a run that ended before it could let anything go."""
    names = {_name(held) for held in writer.held.values()}
    return [
        msgspec.structs.replace(each, why="it is still suspended", next="Run the restore again.")
        if (each.kind, each.namespace, each.name) in names
        else each
        for each in results
    ]


def _name(held: Held) -> tuple[str, str, str]:
    return held.key.group_resource, held.key.namespace, held.key.name
