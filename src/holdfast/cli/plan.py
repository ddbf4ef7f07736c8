"""`holdfast plan`: what is backed up by schedule. What is made and shown is in files of its own."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from holdfast.api.names import DEFAULT_NAMESPACE
from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.output import local_time, say, show_document, show_table
from holdfast.cli.plan_create import create_plan
from holdfast.cli.plan_name import in_option, language_option, plan_argument, plan_name
from holdfast.cli.plan_run import run_plan
from holdfast.cli.plan_show import show_plan
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.model.plan_name import PlanName
    from holdfast.schedule.schedule import Language


@click.group("plan", short_help="Declare what is backed up, when and for how long; see how its runs went.")
def command() -> None:
    """Plans of backups. A PLAN is named NAMESPACE/NAME, or NAME in Holdfast's namespace or that of --in."""


command.add_command(create_plan)
command.add_command(show_plan)
command.add_command(run_plan)


@command.command("list", cls=VerbCommand)
@in_option
@click.option("-A", "--all-namespaces", is_flag=True, help="The plans of all namespaces.")
@language_option
@click.pass_obj
def list_plans(session: Session, /, within: str, all_namespaces: bool, language: Language) -> None:
    """List plans: when they run, how the last run went, and how they stand.

    \b
    holdfast plan list -A
    """
    from holdfast.cli.plan_words import (  # noqa: PLC0415
        last_in_words,
        next_runs,
        plan_document,
        schedule_in_words,
        state,
    )
    from holdfast.operations import plan_objects  # noqa: PLC0415

    if all_namespaces and within:
        raise UsageError("--all-namespaces and --in say different things", next="Give one of them.")
    namespace = None if all_namespaces else within or DEFAULT_NAMESPACE
    plans = plan_objects.list_plans(session.connect(), namespace)
    now = dt.datetime.now(dt.UTC)
    if show_document(session, [plan_document(plan, language, now) for plan in plans]):
        return
    if not plans:
        where = f" in {namespace}; -A lists those of all namespaces" if namespace else ""
        say(session, f"There are no plans{where}. Make one with `holdfast plan create`.")
        return
    rows = [
        (
            plan.metadata.full_name,
            schedule_in_words(plan, language),
            local_time(following[0]) if (following := next_runs(plan, now)) else "-",
            last_in_words(plan.status.last_run, now),
            plan.spec.location,
            state(plan),
        )
        for plan in plans
    ]
    show_table(session, ("NAME", "SCHEDULE", "NEXT", "LAST", "LOCATION", "STATUS"), rows)


@command.command("pause", cls=VerbCommand)
@plan_argument
@click.pass_obj
def pause(session: Session, /, reference: str, within: str) -> None:
    """Let a plan rest: no run begins by schedule until it is resumed. One that goes on ends; runs by hand go on."""
    from holdfast.operations.plan_objects import suspend_plan  # noqa: PLC0415

    name = plan_name(reference, within)
    changed = suspend_plan(session.connect(), name)
    _switch(session, name, suspend=True)
    if not show_document(session, {"namespace": name.namespace, "name": name.name, "paused": True, "changed": changed}):
        click.echo(f"The plan {name} is paused{'' if changed else ' already'}")


@command.command("resume", cls=VerbCommand)
@plan_argument
@click.pass_obj
def resume(session: Session, /, reference: str, within: str) -> None:
    """Let a paused plan run again. A plan that came from a backup or another cluster runs only after this."""
    from holdfast.operations.plan_objects import resume_plan  # noqa: PLC0415

    name = plan_name(reference, within)
    was_paused, was_copied = resume_plan(session.connect(), name)
    changed = was_paused or was_copied
    _switch(session, name, suspend=False)
    document = {"namespace": name.namespace, "name": name.name, "paused": False, "changed": changed}
    if show_document(session, document):
        return
    click.echo(f"The plan {name} runs again" if changed else f"The plan {name} is not paused")
    if was_copied:
        say(session, "It is a copy of another plan, and is taken for a plan of its own from now on.")


def _switch(session: Session, name: PlanName, *, suspend: bool) -> None:
    from holdfast.operations.plan_objects import switch_cron_job  # noqa: PLC0415

    if not switch_cron_job(session.connect(), name, suspend=suspend, now=dt.datetime.now(dt.UTC)):
        say(session, "Note: this account may not change CronJobs; the controller does it when it has seen the plan.")


@command.command("delete", cls=VerbCommand)
@plan_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(session: Session, /, reference: str, within: str, yes: bool) -> None:
    """Delete a plan. Its backups stay in the repository; nothing forgets them any more."""
    from holdfast.operations import plan_objects  # noqa: PLC0415
    from holdfast.operations.plans import read_plan  # noqa: PLC0415

    name = plan_name(reference, within)
    if not yes and not is_interactive():
        raise UsageError("deleting needs your word", why="there is no terminal to ask at", next="Add --yes.")
    cluster = session.connect()
    plan = read_plan(cluster, name)
    if not yes:
        confirm(f"Delete the plan {name}? Its backups stay.")
    plan_objects.delete_plan(cluster, plan)
    document = {"namespace": name.namespace, "name": name.name, "location": plan.spec.location}
    if not show_document(session, document):
        click.echo(f"Deleted the plan {name}")
        say(session, "Its backups stay, and are kept until somebody forgets or deletes them.")
