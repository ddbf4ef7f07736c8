"""Plans and reports of restores as people read them."""

from __future__ import annotations

import click

from holdfast.cli.aftermath import aftermath_lines
from holdfast.cli.context import Session
from holdfast.cli.errors import show_problem
from holdfast.cli.field_changes import show_fields
from holdfast.cli.hook_table import show_hooks
from holdfast.cli.output import say, show_document, show_table
from holdfast.cli.restore_volumes import show_planned_volumes, show_volumes
from holdfast.model.restore import Action, ObjectResult, RestorePlanView, RestoreReport, Result, VolumeAction

_PATHS_SHOWN, _FIELDS_SHOWN, _CHANGED_SHOWN = 3, 5, 20
_SHOWN = 40
"""Lines of a table of plain successes that people still read; problems are always shown."""


def present_plan(
    session: Session, view: RestorePlanView, *, with_reasons: bool = False, all_fields: bool = False
) -> int:
    """Prints the plan and what differs in each object; gives the exit code.

    `with_reasons`: also why each object is selected, where no flag names it.
    """
    if not show_document(session, view):
        _show_plan(session, view, all_fields=all_fields)
        if with_reasons:
            _show_reasons(session, view)
    blocked = view.counts.get(Action.BLOCKED, 0) or any(one.action is VolumeAction.BLOCKED for one in view.volumes)
    return 3 if blocked or view.errors else 0


def _show_plan(session: Session, view: RestorePlanView, *, all_fields: bool) -> None:
    notable = [item for item in view.objects if item.action is not Action.UNCHANGED]
    listed = view.objects if len(view.objects) <= _SHOWN else notable
    rows = [
        (item.action.value, item.kind, item.namespace or "-", item.name, _why(item.why, item.differences))
        for item in listed
    ]
    if rows:
        show_table(session, ("ACTION", "KIND", "NAMESPACE", "NAME", "WHY"), rows)
    click.echo()
    show_planned_volumes(session, view.volumes)
    _show_changes(view, all_fields=all_fields)
    click.echo(", ".join(f"{count:,} {action}" for action, count in view.counts.items()))
    for note in view.notes:
        say(session, f"Note: {note}")
    for problem in view.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Missing")


def _show_reasons(session: Session, view: RestorePlanView) -> None:
    """Why each object belongs to a workload, which no flag names by itself."""
    click.echo()
    rows = [(item.kind, item.namespace or "-", item.name, item.reason) for item in view.objects]
    show_table(session, ("KIND", "NAMESPACE", "NAME", "BELONGS TO THE WORKLOAD BECAUSE"), rows)


def _show_changes(view: RestorePlanView, *, all_fields: bool) -> None:
    """What differs in each object that exists: as it is now → as the backup has it."""
    changed = [item for item in view.objects if item.changes]
    shown = changed if all_fields else changed[:_CHANGED_SHOWN]
    for item in shown:
        limit = None if all_fields else _FIELDS_SHOWN
        show_fields(f"{item.kind} {'/'.join(filter(None, (item.namespace, item.name)))}", item.changes, limit=limit)
        click.echo()
    if len(shown) < len(changed):
        click.echo(f"… {len(changed) - len(shown):,} more objects differ; --diff shows all fields of all.\n")


def _why(why: str, differences: list[str]) -> str:
    if not differences:
        return why
    more = f" and {len(differences) - _PATHS_SHOWN} more" if len(differences) > _PATHS_SHOWN else ""
    return f"{why} ({', '.join(differences[:_PATHS_SHOWN])}{more})".lstrip()


def show_report(session: Session, report: RestoreReport) -> None:
    """Prints what became of each object, and how the run ended."""
    if show_document(session, report):
        return
    quiet_results = (Result.CREATED, Result.UNCHANGED)
    notable = [item for item in report.objects if item.result not in quiet_results or item.why]
    shown = report.objects if len(report.objects) <= _SHOWN else notable
    if shown:
        show_objects(session, shown)
        click.echo()
    show_volumes(session, report.volumes)
    show_hooks(session, report.hooks)
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
    for note in report.notes:
        say(session, f"Note: {note}")
    for line in aftermath_lines(report):
        click.echo(line)
    counts = ", ".join(f"{count:,} {result}" for result, count in report.counts.items() if count)
    word = "done" if report.outcome == "done" else report.outcome.value.upper()
    what = f"Undo {report.id} of {report.undoes}" if report.undoes else f"Restore {report.id} of {report.name}"
    click.echo(f"{what} is {word}: {counts}")
    if report.safety_point:
        say(session, f"`holdfast restore undo {report.id}` brings back the state before.")


def show_objects(session: Session, objects: list[ObjectResult]) -> None:
    """What became of each object."""
    rows = [(item.result.value, item.kind, item.namespace or "-", item.name, item.why) for item in objects]
    show_table(session, ("RESULT", "KIND", "NAMESPACE", "NAME", "WHY"), rows)
