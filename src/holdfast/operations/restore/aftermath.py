"""What a restore does once all is written: wait until it is ready, then prove it by reading it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.restore import Waited
from holdfast.model.run import Problem
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.plan import RestorePlan
from holdfast.operations.restore.reading_back import read_back
from holdfast.operations.restore.waiting import wait_until_ready


@dataclass(slots=True)
class Aftermath:
    waited: Waited | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look_after(plan: RestorePlan, execution: Execution, cancel: Cancel, progress: Progress) -> Aftermath:
    """As the plan's options ask; the execution's results get what was found. Raises ClusterUnreachable, Cancelled."""
    after = Aftermath()
    if plan.options.wait is not None:
        after.waited, problems = wait_until_ready(plan, execution.results, plan.options.wait, cancel, progress)
        after.problems += problems
    if plan.options.verify:
        proof = read_back(plan, execution.results, cancel, progress)
        execution.results = proof.results
        after.problems += proof.problems
        after.notes += proof.notes
    return after
