"""`backup diff` of applications: a table of the objects that differ, then their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session
from holdfast.cli.errors import show_problem
from holdfast.cli.field_changes import show_fields
from holdfast.cli.output import counted, on_one_line, say, show_document, show_table
from holdfast.cli.selection import make_selection
from holdfast.errors import UsageError
from holdfast.model.diff import ObjectsDiff
from holdfast.model.selection import Selection

if TYPE_CHECKING:  # see main
    from holdfast.operations.object_diff.run import DiffOptions

LIVE = "live"
MODULE = "holdfast.operations.object_diff.run"
_NOTHING = Selection()


def refuse_live_first(first: str) -> None:
    if first == LIVE:
        raise UsageError(
            "the live cluster can only be the second side",
            why="a diff tells what turned a backup into something newer",
            next="Write `holdfast backup diff BACKUP live`; a backup that is itself named `live` is named by its id.",
        )


def diff_options(flags: Mapping[str, Any]) -> DiffOptions:
    """Raises UsageError."""
    from holdfast.objects.mapping import parse_namespaces  # noqa: PLC0415
    from holdfast.operations.object_diff.run import DiffOptions  # noqa: PLC0415

    selection = make_selection(dict(flags), default=_NOTHING)
    return DiffOptions(
        selection=None if selection is _NOTHING else selection,
        namespaces=parse_namespaces(flags["map_namespace"]),
        show_secrets=flags["show_secrets"],
        show_objects=flags["show_objects"],
    )


def show_objects_diff(session: Session, view: ObjectsDiff) -> int:
    """Prints it and returns the exit code."""
    if not show_document(session, view):
        _show(session, view)
    for problem in view.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Missing")
    return view.outcome.exit_code


def _show(session: Session, view: ObjectsDiff) -> None:
    if view.objects:
        rows = [(one.change.value, one.kind, one.namespace or "-", on_one_line(one.name)) for one in view.objects]
        show_table(session, ("CHANGE", "KIND", "NAMESPACE", "NAME"), rows)
        click.echo()
    for one in view.objects:
        if one.fields:
            show_fields(f"{one.kind} {'/'.join(filter(None, (one.namespace, one.name)))}", one.fields)
            click.echo()
    for note in view.notes:
        say(session, f"Note: {note}")
    same = counted(view.counts["unchanged"], "object")
    if view.objects:
        click.echo(", ".join(f"{count:,} {change}" for change, count in view.counts.items()))
    else:
        click.echo(f"No differences in {same}")
