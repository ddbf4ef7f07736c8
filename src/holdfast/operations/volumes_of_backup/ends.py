"""What became of a volume and of a hook, as the backup's record and the run's errors keep it."""

from __future__ import annotations

import msgspec

from holdfast.errors import HoldfastError
from holdfast.model.hooks import HookOutcome, HookRecord
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome, VolumeRecord
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.task import MoverEnd
from holdfast.operations.volumes_of_backup.plan import failed

_MOST_ERRORS = 20
"""Of one volume in the record; the part's report has no more than the mover told."""


def moved_record(record: VolumeRecord, end: MoverEnd) -> VolumeRecord:
    """`record` is the volume's as it was planned."""
    record = msgspec.structs.replace(record, node=end.node)
    if end.moved is None or end.moved.outcome not in (Outcome.DONE, Outcome.PARTIAL):
        return _with_times(failed(record, _cause(end)), end.moved)
    moved = end.moved
    return msgspec.structs.replace(
        _with_times(record, moved),
        saved=True,
        outcome=VolumeOutcome.PARTIAL if moved.outcome is Outcome.PARTIAL else VolumeOutcome.DONE,
        files=moved.files,
        bytes=moved.bytes,
        added=moved.added,
        stored=moved.stored,
        errors=moved.errors[:_MOST_ERRORS],
        error_count=moved.error_count,
    )


def volume_problems(record: VolumeRecord) -> list[Problem]:
    """What a run says of a volume: nothing if it was saved, or left out knowingly."""
    name = f"{record.namespace}/{record.name}"
    if record.outcome is VolumeOutcome.FAILED:
        return [Problem(f"the data of the volume {name} was not saved", record.why, record.next or _LEAVE_OUT)]
    if record.outcome is not VolumeOutcome.PARTIAL:
        return []
    first = record.errors[0] if record.errors else Problem("some of its files are missing", "", "")
    return [
        Problem(
            f"the volume {name} was saved with {record.error_count or 1} gaps",
            ": ".join(filter(None, (first.what, first.why))),
            first.next or "`holdfast backup show` names the first of them.",
        )
    ]


def hook_problems(record: HookRecord) -> list[Problem]:
    if record.outcome is not HookOutcome.FAILED:
        return []
    where = f"{record.namespace}/{record.pod}"
    return [Problem(f"the hook {record.name} ({record.when}) failed in the pod {where}", record.why, record.next)]


def stopped_by(hook: HookRecord) -> Problem:
    """Why a volume was not read."""
    return Problem(
        "the volume was not read",
        f"the hook {hook.name}, which was to run before, failed in the pod {hook.pod}: {hook.why}",
        hook.next or "Mend the hook, or let it go on after a failure (on-error: continue).",
    )


def lost_part(error: HoldfastError) -> Problem:
    """Why a volume that its mover has saved is not in the backup all the same."""
    return Problem(
        "the part was lost",
        f"its mover saved it, but what it stored cannot be read: {error}",
        "Back up again; if that does not help, `holdfast repository check` tells what is damaged.",
    )


def with_what(problem: Problem) -> Problem:
    """With the whole cause in `why`, which is all that a record keeps of it."""
    return Problem(problem.what, ": ".join(filter(None, (problem.what, problem.why))), problem.next)


_LEAVE_OUT = (
    "Its PersistentVolumeClaim is in the backup. A volume policy, or --volumes none, leaves the data out knowingly."
)


def _cause(end: MoverEnd) -> Problem:
    return with_what(end.problem or Problem("the mover told nothing of its end", "", "Back up again."))


def _with_times(record: VolumeRecord, moved: Moved | None) -> VolumeRecord:
    if moved is None:
        return record
    return msgspec.structs.replace(record, started_at=moved.started_at, finished_at=moved.finished_at)
