"""`holdfast plan show`: a plan, how it stands, its next runs and its last ones."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.output import counted, local_time, show_document, show_facts, show_table
from holdfast.cli.plan_name import language_option, plan_argument, plan_name
from holdfast.cli.progress_text import format_seconds, format_size
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.api.backup_plan import BackupPlan
    from holdfast.api.run_status import RunStatus
    from holdfast.operations.retention_preview import RetentionPreview
    from holdfast.schedule.schedule import Language


@click.command("show", cls=VerbCommand)
@plan_argument
@language_option
@click.pass_obj
def show_plan(session: Session, /, reference: str, within: str, language: Language) -> None:
    """Show a plan: its schedule in words, its next five runs, how the last ones went and why, and what is kept.

    \b
    holdfast plan show shop/nightly
    """
    from holdfast.cli.plan_words import plan_document, run_document  # noqa: PLC0415
    from holdfast.operations.plans import read_plan  # noqa: PLC0415

    name = plan_name(reference, within)
    plan = read_plan(session.connect(), name)
    now = dt.datetime.now(dt.UTC)
    document = {
        **plan_document(plan, language, now),
        "backup": plan.spec.backup,
        "fullEvery": plan.spec.full_every,
        "retention": plan.spec.retention,
        "forecast": _forecast(plan, now),
        "serviceAccount": plan.spec.service_account_name,
        "conditions": plan.status.conditions,
        "recent": [run_document(run) for run in plan.status.recent],
        "forget": run_document(plan.status.retention) if plan.status.retention else None,
    }
    if show_document(session, document):
        return
    show_facts(session, _facts(plan, language, now))
    _show_runs(session, plan)
    _show_newest_error(plan)


def _facts(plan: BackupPlan, language: Language, now: dt.datetime) -> list[tuple[str, str]]:
    from holdfast.cli.plan_words import next_runs, schedule_in_words, schedule_of, state  # noqa: PLC0415
    from holdfast.schedule import chinese, english  # noqa: PLC0415

    schedule = schedule_of(plan)
    moment_in_words = chinese.moment if language == "zh" else english.moment
    following = [moment_in_words(moment) for moment in next_runs(plan, now)] or [
        "none while it is paused" if plan.spec.suspend else "-"
    ]
    facts = [
        ("Plan", plan.metadata.full_name),
        ("State", state(plan)),
        ("Schedule", schedule_in_words(plan, language)),
        ("Cron", f"{schedule.cron if schedule else plan.spec.schedule} ({plan.spec.time_zone})"),
        ("Next runs", following[0]),
        *(("", text) for text in following[1:]),
        ("Backs up", _selection(plan)),
        ("Type", plan.spec.backup.type + (f", full every {plan.spec.full_every}" if plan.spec.full_every else "")),
        ("Location", plan.spec.location),
        ("Kept", _retention(plan)),
        *(("Forecast", text) for text in _forecast_in_words(_forecast(plan, now))),
        ("Runs as", plan.spec.service_account_name),
    ]
    if plan.status.last_success:
        facts.append(("Last success", plan.status.last_success))
    if plan.status.missed:
        facts.append(("Missed", plan.status.missed))
    if plan.status.retention:
        facts.append(("Last forget", f"{plan.status.retention.outcome} {plan.status.retention.finished_at}".strip()))
    facts += [
        (condition.type, f"{condition.status} ({condition.reason}) {condition.message}".rstrip())
        for condition in plan.status.conditions
    ]
    return facts


def _selection(plan: BackupPlan) -> str:
    try:
        words = plan.spec.backup.selection.describe()
    except UsageError as error:  # somebody wrote a plan that contradicts itself, and no run will make sense of it
        return f"{error.what}: {error.why}"
    return f"{words}; without volumes" if plan.spec.backup.volumes == "none" else words


def _retention(plan: BackupPlan) -> str:
    flags = plan.spec.retention.flags() if plan.spec.retention else []
    kept = ", ".join(flag.removeprefix("--keep-").replace("=", " ") for flag in flags) or "all, for ever"
    keep_for = plan.spec.backup.keep_for
    return f"{kept}; each for {keep_for}" if keep_for else kept


def _forecast(plan: BackupPlan, now: dt.datetime) -> RetentionPreview | None:
    """None if all is kept, or if nobody can read the plan."""
    from holdfast.cli.plan_words import schedule_of  # noqa: PLC0415
    from holdfast.operations.retention_preview import preview  # noqa: PLC0415

    schedule = schedule_of(plan)
    if schedule is None or plan.spec.retention is None:
        return None
    try:
        return preview(schedule, plan.spec.retention.policy, now)
    except UsageError:  # the rules contradict themselves, which the condition Ready tells
        return None


def _forecast_in_words(found: RetentionPreview | None) -> list[str]:
    if found is None:
        return []
    there = f"{counted(found.backups, 'backup')} of {counted(found.runs, 'run')}"
    age, gap = counted(found.oldest_days, "day"), counted(found.widest_gap_hours, "hour")
    return [f"in {counted(found.days, 'day')} {there}, the oldest {age} old, never more than {gap} apart"]


def _show_runs(session: Session, plan: BackupPlan) -> None:
    if not plan.status.recent:
        return
    rows = [
        (
            _when(run),
            "schedule" if run.scheduled_at else "hand",
            run.outcome or "running",
            run.type or "-",
            _duration(run),
            f"{run.counts['objects']:,}" if "objects" in run.counts else "-",
            format_size(run.bytes["stored"]) if "stored" in run.bytes else "-",
            run.reason or "-",
            run.name or run.job,
        )
        for run in plan.status.recent
    ]
    click.echo()
    columns = ("STARTED", "BY", "OUTCOME", "TYPE", "TOOK", "OBJECTS", "STORED", "REASON", "BACKUP")
    show_table(session, columns, rows, right=("TOOK", "OBJECTS", "STORED"))


def _when(run: RunStatus) -> str:
    from holdfast.cli.plan_words import moment_of  # noqa: PLC0415

    moment = moment_of(run.started_at or run.scheduled_at)
    return local_time(moment) if moment else "-"


def _duration(run: RunStatus) -> str:
    from holdfast.cli.plan_words import moment_of  # noqa: PLC0415

    began, ended = moment_of(run.started_at), moment_of(run.finished_at)
    return format_seconds((ended - began).total_seconds()) if began and ended else "-"


def _show_newest_error(plan: BackupPlan) -> None:
    for run in plan.status.recent:
        if run.errors:
            error = run.errors[0]
            click.echo(
                f"\n{click.style('Newest error', bold=True)}, of {run.name or run.job or run.started_at}: {error.what}"
            )
            click.echo(f"  Why:  {error.why}")
            click.echo(f"  Next: {error.next}")
            return
