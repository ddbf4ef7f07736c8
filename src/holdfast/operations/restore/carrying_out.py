"""Carrying out a plan from its first write to its proof.

Order: owners in GitOps and chosen workloads are paused; all but what acts on the workloads is written, the data of claims before
what mounts them; they are let go; dumps go back and hooks run; the workloads are waited for, if that is asked; autoscalers are
made and CronJobs let go; everything is read back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.errors import ApiRefused
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import HookRecord
from holdfast.model.progress import Progress
from holdfast.model.restore import Waited
from holdfast.model.run import Problem
from holdfast.operations.restore.after_hooks import AfterHooks, hook_problems
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.pausing import holding_still
from holdfast.operations.restore.plan import RestorePlan
from holdfast.operations.restore.reading_back import read_back
from holdfast.operations.restore.waiting import wait_until_ready


@dataclass(slots=True)
class CarriedOut:
    """What is known besides the execution's results. `waited` is None if nobody asked to wait."""

    written: float = 0.0  # seconds until the workloads were written
    waited: Waited | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hooks: list[HookRecord] = field(default_factory=list)


def carry_out(
    plan: RestorePlan, execution: Execution, cancel: Cancel, progress: Progress, hooks: AfterHooks | None = None
) -> CarriedOut:
    """As the plan's options ask; `execution.results` gets what became of each object, also if this raises.

    Raises PlanRefused, ClusterUnreachable, Cancelled, and ApiRefused for what cannot be paused.
    """
    done, clock = CarriedOut(), plan.target.cluster.connection.clock
    started = clock.monotonic()
    with holding_still(plan.target.cluster, plan.to_hold, progress, execution.staying_still) as unresumed:
        execution.write()
    done.written = round(clock.monotonic() - started, 3)
    done.problems += unresumed
    if hooks is not None:
        with execution.saying_what_is_held():
            _run_hooks(hooks, plan, execution, done, progress)
    unready = ""
    if plan.options.wait is not None:
        with execution.saying_what_is_held():
            done.waited, problems = wait_until_ready(plan, execution.results, plan.options.wait, cancel, progress)
        done.problems += problems
        unready = problems[0].what if problems else ""
    execution.finish(unready)
    if plan.options.verify:
        proof = read_back(plan, execution.results, cancel, progress)
        execution.results = proof.results
        done.problems += proof.problems
        done.notes += proof.notes
    return done


def _run_hooks(
    hooks: AfterHooks, plan: RestorePlan, execution: Execution, done: CarriedOut, progress: Progress
) -> None:
    """An account that may not list pods is told so, and the rest goes on."""
    try:
        done.hooks = hooks.run(plan, execution.results, progress)
        done.problems += hook_problems(done.hooks)
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        done.problems.append(Problem.of(error, "hooks after the restore were not run"))
