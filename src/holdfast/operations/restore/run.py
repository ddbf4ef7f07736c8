"""A restore from its options to its report: plan, have it approved, take a safety point, execute, publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, HoldfastError
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import HookRecord, HookSet
from holdfast.model.progress import Progress
from holdfast.model.restore import OnConflict, ReadBack, RestorePlanView, RestoreReport, Result, Waited
from holdfast.model.run import Outcome, Problem, Verb, new_run_id, timestamp
from holdfast.operations.catalog import read_catalog
from holdfast.operations.movers.task import MoverSettings
from holdfast.operations.publishing import publish_report, reported
from holdfast.operations.restore import safety_point
from holdfast.operations.restore.after_hooks import AfterHooks
from holdfast.operations.restore.carrying_out import carry_out
from holdfast.operations.restore.dry_run import judge, judge_updates
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.opening import OpenedBackup, make_plan, volume_notes
from holdfast.operations.restore.plan import RestoreOptions, RestorePlan
from holdfast.operations.restore.report import failures
from holdfast.operations.restore.volumes.filling import Filling
from holdfast.operations.restore.volumes.plan import plan_volumes
from holdfast.operations.restore.volumes.report import problems as volume_problems
from holdfast.operations.run_log import RunLog
from holdfast.repository.lock import Lock
from holdfast.repository.repository import Repository

_NO_HOOKS = HookSet(enabled=False)
Approve = Callable[[RestorePlan], None]
"""Looks at a plan before it is carried out; raises whatever is to end the run instead."""


class Task(Protocol):
    """What a run brings a cluster to: a backup, or the state before another restore."""

    @property
    def verb(self) -> Verb: ...

    @property
    def backup(self) -> str:
        """Id of the snapshot that is restored from."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def undoes(self) -> str:
        """The run that is taken back; "" for a restore."""
        ...

    @property
    def hooks(self) -> AfterHooks | None:
        """What is done in the pods of new workloads."""
        ...

    def plan(self, cancel: Cancel, progress: Progress) -> RestorePlan: ...

    def notes(self, plan: RestorePlan) -> list[str]: ...


class FromBackup:
    """The task of `restore run`."""

    verb = Verb.RESTORE_RUN
    undoes = ""

    def __init__(
        self,
        repository: Repository,
        opened: OpenedBackup,
        cluster: Cluster,
        options: RestoreOptions,
        movers: Callable[[], MoverSettings] | None = None,
        hooks: HookSet = _NO_HOOKS,
    ) -> None:
        """`movers` is asked when there is data of volumes to restore; None leaves it out, and only claims are restored."""
        self._repository = repository
        self._movers = movers
        self.hooks = AfterHooks(opened.contents, opened.record.hooks, hooks)
        self._hook_notes = hooks.notes
        self._opened = opened
        self._cluster = cluster
        self._options = options
        self.backup = opened.entry.id.hex()
        self.name = opened.entry.name

    def plan(self, cancel: Cancel, progress: Progress) -> RestorePlan:
        plan = make_plan(self._repository, self._opened, self._cluster, self._options, cancel, progress)
        if self._movers is not None:
            plan_volumes(plan, self._opened.record, self._movers)
        return plan

    def notes(self, plan: RestorePlan) -> list[str]:
        return [*volume_notes(plan, self._opened.record), *plan.preparation.notes(), *self._hook_notes]


def show_plan(task: Task, cluster: Cluster, cancel: Cancel, progress: Progress) -> RestorePlanView:
    """A plan for people: what can be tried beforehand is tried, by the server's own dry run; nothing is changed."""
    plan = task.plan(cancel, progress)
    judge(plan, cancel, progress)
    return RestorePlanView(
        backup=task.backup,
        backup_name=task.name,
        cluster=uid_of(cluster),
        on_conflict=plan.options.on_conflict,
        rollback=plan.options.rollback,
        counts={action.value: count for action, count in sorted(plan.counts.items())},
        objects=[item.view() for item in plan.objects],
        volumes=[volume.view for volume in plan.volumes],
        notes=[*task.notes(plan), *plan.notes],
        errors=plan.problems,
    )


def restore(
    repository: Repository,
    task: Task,
    cluster: Cluster,
    cancel: Cancel,
    progress: Progress,
    approve: Approve = lambda _: None,
) -> RestoreReport:
    """Restores and returns the report, which is published in the repository too.

    Any failure of the run as a whole is raised after its report was published or kept locally.
    """
    return _Restore(repository, task, cluster, cancel, progress, approve).run()


class _Restore:
    def __init__(
        self,
        repository: Repository,
        task: Task,
        cluster: Cluster,
        cancel: Cancel,
        progress: Progress,
        approve: Approve,
    ) -> None:
        self._repository = repository
        self._task = task
        self._cluster = cluster
        self._cancel = cancel
        self._approve = approve
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._run_log = RunLog(progress, self._clock)
        self._target_uid = ""
        self._safety_point = ""
        self._execution: Execution | None = None
        self._filling: Filling | None = None
        self._plan: RestorePlan | None = None
        self._waited: Waited | None = None
        self._notes: list[str] = []
        self._hooks: list[HookRecord] = []

    def run(self) -> RestoreReport:
        with reported(self._repository, self._run_log, self._failed) as lock:
            self._target_uid = uid_of(self._cluster)
            self._plan = self._task.plan(self._cancel, self._run_log)
            self._plan.check()
            if self._plan.options.on_conflict is OnConflict.REPLACE:
                judge_updates(self._plan, self._cancel, self._run_log)
            self._approve(self._plan)
            lock.confirm(self._cancel)
            self._keep_what_changes(self._plan, lock)
            self._filling = Filling(
                self._plan, backup=self._task.backup, run_id=self._id, cancel=self._cancel, progress=self._run_log
            )
            self._execution = Execution(self._plan, self._cancel, self._run_log, self._filling)
            after = carry_out(self._plan, self._execution, self._cancel, self._run_log, self._task.hooks)
            self._waited, self._notes, self._hooks = after.waited, after.notes, after.hooks
            problems = [
                *self._plan.problems,
                *volume_problems(self._filling.results),
                *failures(self._execution.results),
                *after.problems,
            ]
            report = self._report(Outcome.PARTIAL if problems else Outcome.DONE, problems)
            more_tags = {tags.UNDOES: self._task.undoes}
            publish_report(
                self._repository, lock, report, self._run_log, hostname=self._target_uid, more_tags=more_tags
            )
        return report

    def _keep_what_changes(self, plan: RestorePlan, lock: Lock) -> None:
        if not safety_point.is_needed(plan):
            return
        self._run_log.phase("take a safety point")
        occasion = safety_point.Occasion(
            run=self._id,
            backup=self._task.backup,
            name=self._task.name,
            undoes=self._task.undoes,
            cluster=self._target_uid,
            started=self._started,
        )
        earlier = safety_point.interrupted(read_catalog(self._repository), self._target_uid, self._task.backup)
        before = safety_point.open_safety_point(self._repository, earlier) if earlier else None
        if before is not None:
            self._run_log.warn(
                f"the restore {before.safety.run} of the same backup was interrupted; "
                "undoing this one will lead to the state before both"
            )
        self._safety_point = safety_point.take(self._repository, lock, plan, occasion, before, self._cancel).hex()

    def _failed(self, error: HoldfastError) -> RestoreReport:
        outcome = Outcome.of_failure(error)
        return self._report(outcome, [Problem.of(error)])

    def _report(self, outcome: Outcome, problems: list[Problem]) -> RestoreReport:
        results = sorted(
            self._execution.results if self._execution else [],
            key=lambda item: (item.namespace, item.kind, item.name),
        )
        counts = Counter(item.result.value for item in results)
        read_back = Counter(item.read_back for item in results)
        options = self._plan.options if self._plan else None
        return RestoreReport(
            id=self._id,
            run=self._id,
            verb=self._task.verb,
            name=self._task.name,
            kind=tags.APPLICATION,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={result.value: counts[result.value] for result in Result},
            bytes={},
            errors=problems,
            notes=[
                *([*self._task.notes(self._plan), *self._plan.notes] if self._plan else []),
                *self._notes,
            ],
            backup=self._task.backup,
            cluster=self._target_uid,
            namespaces=dict(options.mapping.namespaces.names) if options else {},
            objects=results,
            rollback=options.rollback if options else False,
            safety_point=self._safety_point,
            undoes=self._task.undoes,
            waited=self._waited,
            hooks=self._hooks,
            volumes=self._filling.results if self._filling else [],
            read_back={found.value: read_back[found] for found in ReadBack if read_back[found] and found.value},
        )


def uid_of(cluster: Cluster) -> str:
    """Which cluster a restore goes to; "" for an account that may not ask."""
    try:
        return cluster.identity().uid
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return ""
