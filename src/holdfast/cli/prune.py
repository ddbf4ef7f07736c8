"""`holdfast repository prune`: giving back the room of what no backup needs any more."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.output import counted, local_time, say, show_document, show_table
from holdfast.cli.progress_text import format_seconds, format_size
from holdfast.cli.quantities import parse_percent, parse_size

if TYPE_CHECKING:  # see main
    from holdfast.api.run_status import RunStatus
    from holdfast.repository.prune import PruneReport
    from holdfast.repository.prune_plan import PruneOptions, PrunePlan
    from holdfast.repository.repository import Repository

_LONGEST_GRACE = dt.timedelta(days=365 * 100)  # longer, and the calendar would end before it


@click.command("prune", cls=VerbCommand)
@click.option(
    "--max-unused",
    default="5%",
    show_default=True,
    metavar="N%|unlimited",
    help="How much of what is stored may be of no use; packs that exceed it are stored anew without.",
)
@click.option(
    "--max-repack", default="", metavar="SIZE", help="Store anew no more than so much (500M, 20G) in this run."
)
@click.option(
    "--grace",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="Time between marking a pack and removing it. 0: what no running backup can count on goes at once.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done and how long it takes; change nothing.")
@click.pass_obj
def prune(session: Session, max_unused: str, max_repack: str, grace: str, dry_run: bool) -> None:
    """Give back the room of what no backup needs any more. Backups may run meanwhile.

    Packs are marked first, and removed by a later run, when their mark is older than --grace and nobody began to use them
    before. So run it regularly.

    \b
    holdfast repository prune --dry-run
    holdfast repository prune --max-repack 20G
    """
    options = prune_options(max_unused=max_unused, max_repack=max_repack, grace=grace)
    repository = session.open_repository("holdfast.repository.prune")
    from holdfast.repository.prune import plan  # noqa: PLC0415
    from holdfast.repository.prune import prune as prune_repository  # noqa: PLC0415
    from holdfast.repository.prune_estimate import estimate_seconds  # noqa: PLC0415

    if dry_run:
        made = plan(repository, options, session.cancel, session.progress)
        seconds = math.ceil(estimate_seconds(repository, made))
        if not show_document(session, {**_plan_document(made), "dryRun": True, "seconds": seconds}):
            _show_plan(session, made)
            click.echo(f"Nothing was changed. It would take about {format_seconds(seconds)}.")
        return
    report = prune_repository(repository, options, session.cancel, session.progress)
    session.result = _result(report)
    if not show_document(session, prune_document(report)):
        show_prune(session, report)


def prune_with_defaults(session: Session, repository: Repository) -> PruneReport:
    """Raises RepositoryLocked, DamagedData."""
    from holdfast.repository.prune import prune as prune_repository  # noqa: PLC0415
    from holdfast.repository.prune_plan import PruneOptions  # noqa: PLC0415

    return prune_repository(repository, PruneOptions(), session.cancel, session.progress)


def prune_options(*, max_unused: str, max_repack: str, grace: str) -> PruneOptions:
    """Raises UsageError."""
    from holdfast.repository.prune_plan import PruneOptions  # noqa: PLC0415

    return PruneOptions(
        max_unused=1.0 if max_unused == "unlimited" else parse_percent("--max-unused", max_unused),
        max_repack=parse_size("--max-repack", max_repack) if max_repack else None,
        grace=_parse_grace(grace),
    )


def _result(report: PruneReport) -> RunStatus:
    """What is told in a result file: `stored` is all that is there afterwards."""
    from holdfast.api.run_status import RunStatus  # noqa: PLC0415
    from holdfast.repository.prune_plan import Action  # noqa: PLC0415

    _, size = report.plan.totals(*Action)
    counts = {"marked": report.marked_packs, "removed": report.removed_packs}
    sizes = {"stored": size + report.stored_bytes - report.removed_bytes, "removed": report.removed_bytes}
    return RunStatus(counts=counts, bytes=sizes)


def prune_document(report: PruneReport) -> dict[str, Any]:
    """The plan with what became of it."""
    done = {
        "marked": report.marked_packs,
        "recovered": report.recovered_packs,
        "repacked": report.repacked_packs,
        "removed": report.removed_packs,
    }
    return {
        **_plan_document(report.plan),
        "dryRun": False,
        "counts": done,
        "bytes": {"read": report.repacked_bytes, "stored": report.stored_bytes, "removed": report.removed_bytes},
        "heldBack": report.held_back,
    }


def show_prune(session: Session, report: PruneReport) -> None:
    """The same for people."""
    session.progress.pause()
    _show_plan(session, report.plan)
    if report.repacked_packs:
        click.echo(f"Stored {format_size(report.stored_bytes)} of {counted(report.repacked_packs, 'pack')} anew.")
    if report.marked_packs and report.plan.options.grace:
        click.echo(f"Marked {counted(report.marked_packs, 'pack')}; they go after {_hours(report.plan.options.grace)}.")
    if report.recovered_packs:
        click.echo(f"Recovered {counted(report.recovered_packs, 'pack')} that are needed again.")
    if report.held_back:
        say(session, f"Note: some packs stay for now: {report.held_back}.")
    click.echo(
        click.style(f"Removed {counted(report.removed_packs, 'pack')}, {format_size(report.removed_bytes)}", bold=True)
    )


def _show_plan(session: Session, plan: PrunePlan) -> None:
    from holdfast.repository.prune_plan import Action  # noqa: PLC0415

    why = {
        Action.KEEP: f"needed; {format_size(plan.unused_bytes_left)} in them are not",
        Action.REPACK: f"little is needed: {format_size(plan.rewritten_bytes)} are stored anew, then they are marked",
        Action.MARK: "not needed by any snapshot",
        Action.WAIT: "marked, not yet for long enough",
        Action.RECOVER: "marked, but needed again",
        Action.DELETE: f"marked more than {_hours(plan.options.grace)} ago" if plan.options.grace else "marked before",
    }
    if plan.next_removal is not None:
        why[Action.WAIT] = f"marked; the first may go {local_time(plan.next_removal)}"
    rows = []
    for action in Action:
        count, size = plan.totals(action)
        if count or action is Action.KEEP:
            rows.append((action.value, f"{count:,}", format_size(size), why[action]))
    show_table(session, ("PACKS", "NUMBER", "SIZE", "WHY"), rows, right=("NUMBER", "SIZE"))


def _plan_document(plan: PrunePlan) -> dict[str, Any]:
    from holdfast.repository.prune_plan import Action  # noqa: PLC0415

    return {
        "plan": {action.value: dict(zip(("packs", "bytes"), plan.totals(action), strict=True)) for action in Action},
        "rewrittenBytes": plan.rewritten_bytes,
        "unusedBytesLeft": plan.unused_bytes_left,
        "nextRemoval": plan.next_removal.isoformat() if plan.next_removal else None,
    }


def _hours(grace: dt.timedelta) -> str:
    return counted(round(grace.total_seconds() / 3600), "hour")


def _parse_grace(text: str) -> dt.timedelta:
    from holdfast.model.span import Span  # noqa: PLC0415

    if text in ("0", "0h"):
        return dt.timedelta(0)
    now = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    return min(Span.parse(text, "--grace").after(now, dt.UTC) - now, _LONGEST_GRACE)
