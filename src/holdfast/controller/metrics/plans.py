"""What is told of each BackupPlan."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import ConditionType, is_true
from holdfast.api.run_status import RunStatus
from holdfast.controller.metrics.table import Number, Row, SplitRow, unix_time
from holdfast.model.run import Outcome

Interval = Callable[[str, str], float | None]
"""The longest time, in seconds, between two runs of a schedule (cron, time zone); None if that cannot be told."""


def rows(interval: Interval) -> tuple[Row[BackupPlan] | SplitRow[BackupPlan], ...]:
    return (
        SplitRow(
            "holdfast_plan_info", "Where the plan's backups go.", "location", lambda plan: [(plan.spec.location, 1)]
        ),
        Row(
            "holdfast_plan_created_timestamp_seconds",
            "When the plan was created.",
            lambda plan: unix_time(plan.metadata.creation_timestamp),
        ),
        Row("holdfast_plan_suspended", "1 while the plan is paused.", lambda plan: plan.spec.suspend),
        Row(
            "holdfast_plan_ready",
            "1 if the plan can run as it is written; 0 if it is refused.",
            lambda plan: is_true(plan.status.conditions, ConditionType.READY),
        ),
        Row(
            "holdfast_plan_interval_seconds",
            "Longest time between two runs that the schedule asks for.",
            lambda plan: interval(plan.status.cron or plan.spec.schedule, plan.spec.time_zone),
        ),
        Row(
            "holdfast_plan_next_run_timestamp_seconds",
            "When the schedule asks for the next run.",
            lambda plan: unix_time(plan.status.next_run),
        ),
        Row("holdfast_plan_running", "1 while a run goes on.", is_running),
        Row(
            "holdfast_plan_last_run_timestamp_seconds",
            "When the newest run that has ended did so.",
            lambda plan: unix_time(run.finished_at) if (run := newest_ended(plan)) else None,
        ),
        SplitRow(
            "holdfast_plan_last_run_outcome",
            "1 for the outcome of the newest run that has ended, 0 for the others.",
            "outcome",
            _outcomes,
        ),
        Row(
            "holdfast_plan_last_run_duration_seconds",
            "How long the newest run that has ended took.",
            lambda plan: _duration(run) if (run := newest_ended(plan)) else None,
        ),
        SplitRow(
            "holdfast_plan_last_run_bytes",
            "What that run read and stored: `what` is a name of `bytes` in docs/json-output.md.",
            "what",
            lambda plan: run.bytes.items() if (run := newest_ended(plan)) else (),
        ),
        Row(
            "holdfast_plan_last_run_objects",
            "How many objects that run backed up.",
            lambda plan: run.counts.get("objects") if (run := newest_ended(plan)) else None,
        ),
        Row(
            "holdfast_plan_last_success_timestamp_seconds",
            "When the newest good backup was finished.",
            lambda plan: unix_time(plan.status.last_success),
        ),
        Row(
            "holdfast_plan_consecutive_failures",
            "Runs that failed or were missed since the newest good one.",
            lambda plan: plan.status.failures,
        ),
        Row(
            "holdfast_plan_missed_timestamp_seconds",
            "The newest scheduled time at which no run began.",
            lambda plan: unix_time(plan.status.missed),
        ),
        Row(
            "holdfast_plan_retention_held",
            "1 while old backups stay because a person must look first.",
            lambda plan: is_true(plan.status.conditions, ConditionType.RETENTION_HELD),
        ),
    )


def is_running(plan: BackupPlan) -> bool:
    return plan.status.last_run is not None and not plan.status.last_run.outcome


def newest_ended(plan: BackupPlan) -> RunStatus | None:
    """The newest run that has an outcome."""
    newest = plan.status.last_run
    if newest is not None and newest.outcome:
        return newest
    return next((run for run in plan.status.recent if run.outcome), None)


def _outcomes(plan: BackupPlan) -> Iterator[tuple[str, Number]]:
    run = newest_ended(plan)
    if run is not None:
        for outcome in Outcome:
            yield outcome.value, run.outcome == outcome.value


def _duration(run: RunStatus) -> float | None:
    started, finished = unix_time(run.started_at), unix_time(run.finished_at)
    return None if started is None or finished is None else max(0.0, finished - started)
