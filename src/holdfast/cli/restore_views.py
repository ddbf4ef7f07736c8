"""Plans and reports of restores as people read them."""

from __future__ import annotations

import click

from holdfast.cli.aftermath import aftermath_lines
from holdfast.cli.context import Session
from holdfast.cli.errors import show_problem
from holdfast.cli.output import say, show_document, show_table
from holdfast.model.restore import Action, ObjectResult, RestorePlanView, RestoreReport, Result

_SHOWN = 40
"""Lines of a table of plain successes that people still read; problems are always shown."""


def present_plan(session: Session, view: RestorePlanView) -> int:
    """Prints the plan; gives the exit code."""
    if not show_document(session, view):
        _show_plan(session, view)
    return 3 if view.counts.get(Action.BLOCKED, 0) or view.errors else 0


def _show_plan(session: Session, view: RestorePlanView) -> None:
    rows = [
        (item.action.value, item.kind, item.namespace or "-", item.name, _why(item.why, item.differences))
        for item in view.objects
    ]
    show_table(session, ("ACTION", "KIND", "NAMESPACE", "NAME", "WHY"), rows)
    click.echo()
    click.echo(", ".join(f"{count:,} {action}" for action, count in view.counts.items()))
    for note in view.notes:
        say(session, f"Note: {note}")
    for problem in view.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Missing")


def _why(why: str, differences: list[str]) -> str:
    return f"{why} ({', '.join(differences)})" if differences else why


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
