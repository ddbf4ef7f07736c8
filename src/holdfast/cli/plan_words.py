"""What tables and documents say of a plan: its schedule, when it comes next, how it stands."""

from __future__ import annotations

import datetime as dt
from typing import Any

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import Condition, ConditionType
from holdfast.api.run_status import RunStatus
from holdfast.errors import UsageError
from holdfast.schedule.schedule import Language, Schedule

_NEXT_SHOWN = 5
_AGES = ((86400, "d"), (3600, "h"), (60, "min"))


def schedule_of(plan: BackupPlan) -> Schedule | None:
    """None if the plan has one that Kubernetes would not read."""
    try:
        return Schedule.parse(plan.spec.schedule, plan.spec.time_zone, plan.metadata.full_name)
    except UsageError:
        return None


def schedule_in_words(plan: BackupPlan, language: Language) -> str:
    """As it stands in the plan if nobody can read it."""
    schedule = schedule_of(plan)
    return schedule.explain(language) if schedule else plan.spec.schedule


def next_runs(plan: BackupPlan, now: dt.datetime) -> list[dt.datetime]:
    """The next five; none while the plan is paused. An interval counts from what the controller expects next, else from now."""
    schedule = schedule_of(plan)
    if schedule is None or plan.spec.suspend:
        return []
    expected = moment_of(plan.status.next_run)
    if schedule.interval is None or expected is None or expected <= now:
        return schedule.next_times(now, _NEXT_SHOWN)
    return [expected.astimezone(schedule.zone), *schedule.next_times(expected, _NEXT_SHOWN - 1)]


def moment_of(text: str) -> dt.datetime | None:
    """A time of a status; None for one that is missing or no time."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def age(moment: dt.datetime, now: dt.datetime) -> str:
    """`3 h ago`"""
    seconds = int((now - moment).total_seconds())
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def condition_of(plan: BackupPlan, kind: ConditionType) -> Condition | None:
    return next((one for one in plan.status.conditions if one.type == kind), None)


def state(plan: BackupPlan) -> str:
    """One cell: what a person should know first."""
    ready, healthy = condition_of(plan, ConditionType.READY), condition_of(plan, ConditionType.HEALTHY)
    held = condition_of(plan, ConditionType.RETENTION_HELD)
    if ready is not None and ready.status == "False":
        return f"not ready: {ready.reason}"
    if healthy is not None and healthy.status == "False":
        failures = plan.status.failures
        return f"failing: {healthy.reason}" + (f" ({failures} times)" if failures > 1 else "")
    if held is not None and held.status == "True":
        return f"forgetting waits: {held.reason}"
    if plan.spec.suspend:
        return "paused"
    return "ready" if ready is not None else "new"


def last_in_words(run: RunStatus | None, now: dt.datetime) -> str:
    """`done, 3 h ago`"""
    if run is None:
        return "-"
    moment = moment_of(run.finished_at or run.started_at)
    return f"{run.outcome or 'running'}, {age(moment, now)}" if moment else run.outcome or "running"


def plan_document(plan: BackupPlan, language: Language, now: dt.datetime) -> dict[str, Any]:
    """What `-o json` says of a plan in lists."""
    schedule = schedule_of(plan)
    following = next_runs(plan, now)
    return {
        "namespace": plan.metadata.namespace,
        "name": plan.metadata.name,
        "schedule": plan.spec.schedule,
        "cron": schedule.cron if schedule else "",
        "timeZone": plan.spec.time_zone,
        "inWords": schedule_in_words(plan, language),
        "paused": plan.spec.suspend,
        "location": plan.spec.location,
        "state": state(plan),
        "nextRuns": [moment.isoformat() for moment in following],
        "lastRun": run_document(plan.status.last_run) if plan.status.last_run else None,
        "lastSuccess": plan.status.last_success,
        "failures": plan.status.failures,
        "missed": plan.status.missed,
    }


def run_document(run: RunStatus) -> dict[str, Any]:
    """A run with all its fields, those too that say nothing."""
    return {
        "id": run.id,
        "run": run.run,
        "name": run.name,
        "type": run.type,
        "outcome": run.outcome,
        "reason": run.reason,
        "exitCode": run.exit_code,
        "job": run.job,
        "scheduledAt": run.scheduled_at,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "counts": run.counts,
        "bytes": run.bytes,
        "errors": [{"what": one.what, "why": one.why, "next": one.next} for one in run.errors],
    }
