"""What a restore's report says about the data of claims."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.model.restore import VolumeAction, VolumeResult
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome
from holdfast.operations.movers.contract import Moved
from holdfast.operations.restore.plan import PlannedVolume

_SHOWN_ERRORS = 20


def left_out(volume: PlannedVolume) -> VolumeResult:
    """The line of a volume that no mover has to write; one that is blocked has failed."""
    blocked = volume.view.action is VolumeAction.BLOCKED
    outcome = VolumeOutcome.FAILED if blocked else VolumeOutcome.LEFT_OUT
    return _line(volume, outcome, volume.view.why, volume.view.next)


def failed(volume: PlannedVolume, problem: Problem, moved: Moved | None = None, node: str = "") -> VolumeResult:
    return _line(volume, VolumeOutcome.FAILED, problem.why or problem.what, problem.next, moved, node)


def moved_result(volume: PlannedVolume, moved: Moved, node: str, name: str) -> VolumeResult:
    """Of one whose mover has come to its end. `name` is that of its PersistentVolume."""
    if moved.outcome is Outcome.DONE:
        return _line(volume, VolumeOutcome.DONE, volume.view.why, "", moved, node, name)
    why = f"{moved.error_count:,} of its files could not be restored"
    next_step = (
        "See what is missing in `errors` of the report. What mounts it was not made; the same restore again makes it, with the "
        "data as it is."
    )
    return _line(volume, VolumeOutcome.PARTIAL, why, next_step, moved, node, name)


def problems(results: Iterable[VolumeResult]) -> list[Problem]:
    """What the run as a whole says about volumes."""
    words = {VolumeOutcome.FAILED: "was not restored", VolumeOutcome.PARTIAL: "is not complete"}
    return [
        Problem(f"the data of {one.namespace}/{one.name} {words[one.outcome]}", one.why, one.next)
        for one in results
        if one.outcome in words
    ]


def _line(
    volume: PlannedVolume,
    outcome: VolumeOutcome,
    why: str,
    next_step: str,
    moved: Moved | None = None,
    node: str = "",
    name: str = "",
) -> VolumeResult:
    view = volume.view
    return VolumeResult(
        namespace=view.namespace,
        name=view.name,
        original=view.original,
        action=view.action,
        outcome=outcome,
        why=why,
        next=next_step,
        files=moved.files if moved else 0,
        bytes=moved.bytes if moved else 0,
        verified=moved.verified if moved else 0,
        deleted=moved.deleted if moved else 0,
        volume=name,
        storage_class=view.storage_class,
        node=node,
        started_at=moved.started_at if moved else "",
        finished_at=moved.finished_at if moved else "",
        errors=moved.errors[:_SHOWN_ERRORS] if moved else [],
        error_count=moved.error_count if moved else 0,
    )
