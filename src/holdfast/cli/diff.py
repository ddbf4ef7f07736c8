"""`holdfast backup diff`: what differs between two backups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.files import refuse_relative
from holdfast.cli.long_output import LongDocument
from holdfast.cli.output import on_one_line, printable, show_table
from holdfast.cli.progress_text import format_size
from holdfast.errors import Cancelled, DamagedData, HoldfastError, UsageError
from holdfast.model import tags
from holdfast.model.run import Outcome, Problem

if TYPE_CHECKING:  # see main
    from holdfast.operations.catalog import Entry
    from holdfast.operations.tree_diff import Difference, Totals
    from holdfast.repository.tree import Node

_LIVE = "live"
_SIGNS = {"added": "+", "removed": "-", "type": "T", "modified": "M", "metadata": "U"}


@click.command("diff", cls=VerbCommand)
@click.argument("first", metavar="BACKUP")
@click.argument("second", metavar="BACKUP")
@click.argument("paths", metavar="[PATH...]", nargs=-1)
@click.option(
    "--files", is_flag=True, help="Compare trees of files: for backups of files the default, for others needed."
)
@click.option(
    "--metadata", is_flag=True, help="Also what differs only in mode, owner, time, extended attributes or link target."
)
@click.pass_obj
def diff(session: Session, /, first: str, second: str, paths: tuple[str, ...], *, files: bool, metadata: bool) -> int:
    """Show what differs between the files of two backups, all or at and below each PATH. The exit code is 0 if they differ, too.

    \b
    holdfast backup diff monday latest
    holdfast backup diff monday latest /srv/data --metadata
    """
    _refuse_nonsense(first, second, paths)
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.diff_files import diff_files  # noqa: PLC0415

    repository = session.open_repository()
    catalog = read_catalog(repository)
    before, after = catalog.find_backup(first), catalog.find_backup(second)
    if not files:
        _require_files(before, after)
    found = diff_files(repository, before, after, paths, session.cancel, metadata=metadata)
    damaged = (
        _show_lines(session, found, metadata=metadata)
        if session.output == "table"
        else _show_as_document(session, before, after, found)
    )
    for error in damaged:
        show_problem(session, error.what, error.why, error.next, style="red", word="Damage")
    return 3 if damaged else 0


def _refuse_nonsense(first: str, second: str, paths: tuple[str, ...]) -> None:
    if _LIVE in (first, second):
        raise UsageError(
            "a backup cannot be compared with the live cluster",
            why="this version compares two backups",
            next="Name two backups; one that is itself named `live`, by its id.",
        )
    refuse_relative(paths)


def _require_files(*entries: Entry) -> None:
    for entry in entries:
        if entry.kind != tags.FILES:
            raise UsageError(
                f"{entry.name or entry.id.short} is not a backup of files",
                why="this version compares files only, and not the fields of objects",
                next="Add --files to compare the files in which its objects are kept.",
            )


def _show_lines(session: Session, found: Iterable[Difference | DamagedData], *, metadata: bool) -> list[DamagedData]:
    from holdfast.operations.tree_diff import Totals  # noqa: PLC0415

    session.progress.pause()
    totals, damaged = Totals(), list[DamagedData]()
    for one in found:
        if isinstance(one, DamagedData):
            damaged.append(one)
            continue
        totals.count(one)
        click.echo(f"{_SIGNS[one.change]}    {on_one_line(one.path)}{_slash(one.after or one.before)}")
    _show_totals(session, totals, metadata=metadata)
    return damaged


def _slash(node: Node | None) -> str:
    return "/" if node and node.type == "dir" else ""


def _show_totals(session: Session, totals: Totals, *, metadata: bool) -> None:
    changes = [change for change in _SIGNS if metadata or change != "metadata"]
    counted = {"Files": totals.files, "Directories": totals.directories, "Others": totals.others}
    rows = [(name, *(f"{tally[change]:,}" for change in changes)) for name, tally in counted.items()]
    sizes = {"added": format_size(totals.gained), "removed": format_size(totals.lost)}
    rows.append(("Content", *(sizes.get(change, "") for change in changes)))
    columns = ("", *(change.upper() for change in changes))
    click.echo()
    show_table(session, columns, rows, right=columns[1:])


def _show_as_document(
    session: Session, before: Entry, after: Entry, found: Iterable[Difference | DamagedData]
) -> list[DamagedData]:
    """An error in the middle is told in the document, since nothing can follow it."""
    from holdfast.operations.tree_diff import Totals  # noqa: PLC0415

    totals, damaged = Totals(), list[DamagedData]()
    head = {"before": before.id.hex(), "after": after.id.hex()}
    with LongDocument(session, head, "differences") as document:
        try:
            for one in found:
                if isinstance(one, DamagedData):
                    damaged.append(one)
                else:
                    totals.count(one)
                    document.add(_difference(one))
        except HoldfastError as error:
            outcome = Outcome.CANCELLED if isinstance(error, Cancelled) else Outcome.FAILED
            document.tail = _tail(totals, outcome, [*damaged, error])
            raise
        document.tail = _tail(totals, Outcome.PARTIAL if damaged else Outcome.DONE, damaged)
    return damaged


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "path": printable(one.path),
        "change": one.change,
        "typeBefore": one.before.type if one.before else "",
        "typeAfter": one.after.type if one.after else "",
        "sizeBefore": one.before.size if one.before else 0,
        "sizeAfter": one.after.size if one.after else 0,
        "metadata": one.metadata,
    }


def _tail(totals: Totals, outcome: Outcome, errors: Iterable[HoldfastError]) -> dict[str, Any]:
    counted = {"files": totals.files, "directories": totals.directories, "others": totals.others}
    return {
        **{name: {change: tally[change] for change in _SIGNS} for name, tally in counted.items()},
        "bytes": {"added": totals.gained, "removed": totals.lost},
        "outcome": outcome,
        "errors": [Problem.of(error) for error in errors],
    }
