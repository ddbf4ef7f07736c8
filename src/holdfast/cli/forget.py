"""`holdfast backup forget`: removing the backups that no rule keeps, after showing why each stays or goes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.errors import show_problem
from holdfast.cli.of_plan import plan_retention
from holdfast.cli.output import counted, say, show_document, show_table
from holdfast.cli.prune import prune_document, prune_with_defaults, show_prune
from holdfast.cli.retention import KEEP_COUNTS, keep_options
from holdfast.errors import TooManyRemovals, UsageError
from holdfast.model.run import Problem

if TYPE_CHECKING:  # see main
    from holdfast.api.run_status import RunStatus
    from holdfast.model.retention import RetentionPolicy
    from holdfast.operations.forget import ForgetPlan, Group, Judged


@click.command("forget", cls=VerbCommand)
@keep_options
@click.option(
    "--keep-tag", "keep_tags", multiple=True, metavar="TAG", help="All with this tag or label KEY=VALUE. Repeatable."
)
@click.option("--host", default="", metavar="NAME", help="Look only at backups of this host or cluster.")
@click.option("--path", "paths", multiple=True, metavar="PATH", help="Only at backups that have this path. Repeatable.")
@click.option(
    "--plan",
    default="",
    metavar="NAMESPACE/NAME",
    help="Only at backups of this plan. Without any --keep-… the rules are those that the plan has in the cluster.",
)
@click.option(
    "--time-zone",
    default="",
    metavar="ZONE",
    help="Whose days and weeks count, as Europe/Berlin. Default: this machine's.",
)
@click.option("--kind", type=click.Choice(["app", "files"]), help="Only at backups of applications, or of files.")
@click.option("--even-the-last", is_flag=True, help="Remove the last good backup of a group too, if no rule keeps it.")
@click.option(
    "--allow-many",
    is_flag=True,
    help="With --plan: also if more than half of its backups would go, which is refused otherwise.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed and why the rest stays; remove nothing.")
@click.option("--prune", is_flag=True, help="Then prune the repository as `repository prune` does without options.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget_backups(session: Session, /, dry_run: bool, yes: bool, prune: bool, keep_within: str, **flags: Any) -> int:
    """Remove the backups that no rule keeps. Their data goes when the repository is pruned.

    \b
    holdfast backup forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run
    holdfast backup forget --keep-within 30d --keep-tag release=yes --host web1 --yes
    holdfast backup forget --plan shop/nightly --dry-run
    """
    policy = _policy(session, keep_within, flags)
    if not dry_run and not yes and not is_interactive():
        raise UsageError("forgetting needs your word", why="there is no terminal to ask at", next="Add --yes.")
    repository = session.open_repository("holdfast.operations.forget")
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.forget import ForgetOptions, forget, objection, plan_forget  # noqa: PLC0415
    from holdfast.schedule.zones import time_zone  # noqa: PLC0415

    options = ForgetOptions(
        policy=policy,
        host=flags["host"],
        paths=flags["paths"],
        plan=flags["plan"],
        kind=flags["kind"] or "",
        even_the_last=flags["even_the_last"],
        allow_many=flags["allow_many"],
        zone=time_zone(flags["time_zone"]) if flags["time_zone"] else None,
    )
    plan = plan_forget(read_catalog(repository), options, repository.clock.now())
    if session.output == "table":
        _show_plan(session, plan)
    refusal, planned = objection(plan, options), len(list(plan.removals()))
    if planned and not dry_run:
        _approve(plan, refusal, yes=yes)
        plan = forget(repository, plan, options, session.cancel, session.progress)
    _show_damage(session, plan)
    session.result = _result(plan, dry_run=dry_run)
    # A prune refuses what is damaged; so that this is said as what it is, it is not begun.
    pruned = prune_with_defaults(session, repository) if prune and not dry_run and not plan.damaged else None
    document = {**_document(plan, dry_run=dry_run), "refused": Problem.of(refusal) if refusal else None}
    if prune:
        document["prune"] = prune_document(pruned) if pruned else None
    if not show_document(session, document):
        _show_ending(session, plan, planned - len(list(plan.removals())), refusal, dry_run=dry_run)
        if pruned:
            show_prune(session, pruned)
    return 3 if plan.damaged else 0


def _approve(plan: ForgetPlan, refusal: TooManyRemovals | None, *, yes: bool) -> None:
    """Raises the refusal, and click.Abort if the user does not want it."""
    if refusal:
        raise refusal
    if not yes:
        confirm(f"Remove {counted(sum(not one.keep for one in plan.backups), 'backup')}?")


def _show_ending(
    session: Session, plan: ForgetPlan, changed: int, refusal: TooManyRemovals | None, *, dry_run: bool
) -> None:
    """`changed`: how many snapshots stayed against the plan."""
    if refusal:
        show_problem(session, refusal.what, refusal.why, refusal.next, style="yellow", word="Would be refused")
    if changed:
        say(session, f"Note: {counted(changed, 'snapshot')} stayed, because the repository changed meanwhile.")
    click.echo(_totals(plan, dry_run=dry_run))


def _policy(session: Session, keep_within: str, flags: dict[str, Any]) -> RetentionPolicy:
    """The rules of the flags; of a plan without any, those of the cluster."""
    from holdfast.model.retention import RetentionPolicy  # noqa: PLC0415
    from holdfast.model.span import Span  # noqa: PLC0415

    counts = {name: flags[name] for name in KEEP_COUNTS}
    if flags["plan"] and not (keep_within or flags["keep_tags"] or any(one is not None for one in counts.values())):
        return plan_retention(session, flags["plan"])
    return RetentionPolicy(
        **counts,
        keep_within=Span.parse(keep_within, "--keep-within") if keep_within else None,
        keep_tags=frozenset(flags["keep_tags"]),
    )


def _result(plan: ForgetPlan, *, dry_run: bool) -> RunStatus:
    """What is told in a result file: `backups` are all that the repository has afterwards."""
    from holdfast.api.run_status import RunProblem, RunStatus  # noqa: PLC0415

    counts = _counts(plan)
    return RunStatus(
        counts={**counts, "backups": len(plan.catalog.backups) - (0 if dry_run else counts["removed"])},
        errors=[RunProblem(what=error.what, why=error.why, next=error.next) for _, error in plan.damaged],
    )


def _show_plan(session: Session, plan: ForgetPlan) -> None:
    """What a person checks by eye: a table for each group, then what else goes."""
    for group in plan.groups:
        session.progress.pause()
        click.echo(click.style(_title(group), bold=True))
        show_table(
            session,
            ("TIME", "NAME", "ID", "OUTCOME", "ACTION", "WHY"),
            [
                (
                    _weekday_and_time(one.entry.time),
                    one.entry.name or "-",
                    one.entry.id.short,
                    one.entry.outcome.value,
                    _action(one),
                    "; ".join(one.why),
                )
                for one in group.backups
            ],
        )
        click.echo()
    from holdfast.operations.forget import WITH_ITS_BACKUP  # noqa: PLC0415

    others = [one for one in plan.byproducts if not one.keep and one.why != (WITH_ITS_BACKUP,)]
    if others:
        click.echo(click.style("Reports, parts and safety points that go", bold=True))
        rows = [
            (
                _weekday_and_time(one.entry.time),
                one.entry.name or "-",
                one.entry.id.short,
                one.entry.tags.get("verb") or one.entry.kind,
                "; ".join(one.why),
            )
            for one in others
        ]
        show_table(session, ("TIME", "NAME", "ID", "OF", "WHY"), rows)
        click.echo()


def _title(group: Group) -> str:
    if group.key.plan:
        return f"Plan {group.key.plan} of {group.key.host or 'no host'}"
    return f"{group.key.host or 'no host'}: {', '.join(group.key.paths) or 'no paths'}"


def _action(one: Judged) -> str:
    return "keep" if one.keep else "remove"


def _weekday_and_time(moment: dt.datetime) -> str:
    from holdfast.model.span import in_zone  # noqa: PLC0415

    return f"{in_zone(moment, None):%a %Y-%m-%d %H:%M:%S}"


def _show_damage(session: Session, plan: ForgetPlan) -> None:
    for _, error in plan.damaged:
        show_problem(session, error.what, f"{error.why}; it stays", error.next, style="red", word="Damage")


def _counts(plan: ForgetPlan) -> Counter[str]:
    backups, byproducts = plan.backups, plan.byproducts
    return Counter(
        kept=sum(one.keep for one in backups),
        removed=sum(not one.keep for one in backups),
        byproductsKept=sum(one.keep for one in byproducts),
        byproductsRemoved=sum(not one.keep for one in byproducts),
        damaged=len(plan.damaged),
    )


def _totals(plan: ForgetPlan, *, dry_run: bool) -> str:
    counts = _counts(plan)
    would = "Would remove" if dry_run else "Removed"
    return (
        f"{would} {counted(counts['removed'], 'backup')} of {counted(len(plan.groups), 'group')}, "
        f"{counts['kept']:,} stay. Of reports, parts and safety points {counts['byproductsRemoved']:,} "
        f"{'would go' if dry_run else 'went'}, {counts['byproductsKept']:,} stay."
    )


def _document(plan: ForgetPlan, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "outcome": "partial" if plan.damaged else "done",
        "groups": [
            {
                "plan": group.key.plan,
                "host": group.key.host,
                "paths": group.key.paths,
                "backups": [_judged_document(one) for one in group.backups],
            }
            for group in plan.groups
        ],
        "byproducts": [_judged_document(one) for one in plan.byproducts],
        "counts": _counts(plan),
        "errors": [{"what": error.what, "why": error.why, "next": error.next} for _, error in plan.damaged],
    }


def _judged_document(one: Judged) -> dict[str, Any]:
    entry = one.entry
    return {
        "id": entry.id.hex(),
        "name": entry.name,
        "kind": entry.kind,
        "outcome": entry.outcome.value,
        "time": entry.snapshot.time,
        "action": _action(one),
        "why": one.why,
    }
