"""`holdfast uninstall`: the controller and its roles go; plans, definitions and backups stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.output import counted, say, show_document
from holdfast.cli.steps import namespace_option, show_steps
from holdfast.errors import UsageError

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.operations.uninstall import Present


@click.command(
    "uninstall",
    cls=VerbCommand,
    short_help="Remove the controller and its roles; plans, definitions and backups stay.",
)
@namespace_option
@click.option("--pause-plans", is_flag=True, help="Suspend the CronJobs of plans and of maintenance too.")
@click.option(
    "--with-definitions", is_flag=True, help="Delete the definitions too, and so all plans, locations and requests."
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(
    session: Session, namespace: str, pause_plans: bool, with_definitions: bool, dry_run: bool, yes: bool
) -> None:
    """Remove the controller, its roles and its Service from a cluster. Backups stay, whatever is removed.

    Plans are CronJobs and go on without the controller; the accounts and roles of their runs then stay as well. With
    --pause-plans they stop, and go on as soon as Holdfast is installed again. The namespace with its Secrets stays.
    """
    from holdfast.operations.uninstall import look, uninstall  # noqa: PLC0415

    cluster = session.connect()
    present = look(cluster)
    if with_definitions and present.counts.total() and not dry_run and not yes:
        _ask(present)
    steps = uninstall(
        cluster,
        namespace,
        present,
        session.progress,
        pause_plans=pause_plans,
        with_definitions=with_definitions,
        dry_run=dry_run,
    )
    if show_document(session, steps):
        return
    show_steps(session, steps)
    _say_what_stays(session, namespace, present, with_definitions=with_definitions, found=bool(steps))
    if dry_run:
        say(session, "Nothing was changed.")


def _ask(present: Present) -> None:
    """Raises click.Abort for a no, and UsageError if nobody can be asked."""
    loss = f"{_counted(present)} and the CronJobs of all plans would be deleted; backups stay in their repositories"
    if is_interactive():
        confirm(f"{loss}. Go on?")
    else:
        raise UsageError(
            "nobody can be asked whether the definitions may be deleted",
            why=f"{loss}, and the standard input is not a terminal",
            next="Nothing was changed. Keep copies of what you need (`kubectl get backupplans,storagelocations -A -o yaml`), "
            "and give --yes.",
        )


def _counted(present: Present) -> str:
    found = [counted(count, kind) for kind, count in present.counts.items() if count]
    return ", ".join(found) or "no plans or other objects"


def _say_what_stays(session: Session, namespace: str, present: Present, *, with_definitions: bool, found: bool) -> None:
    if not found:
        say(session, f"There is nothing of Holdfast's to remove in the namespace {namespace}.")
    if present.definitions and not with_definitions:
        say(session, f"These stay: {counted(len(present.definitions), 'definition')} with {_counted(present)}.")
    say(session, f"The namespace {namespace} with its Secrets stays, and so do all backups.")
