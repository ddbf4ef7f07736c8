"""`holdfast backup diff`: what differs between two backups, or a backup and a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.files import refuse_relative
from holdfast.cli.long_output import LongDocument
from holdfast.cli.object_diff import LIVE, MODULE, diff_options, refuse_live_first, show_objects_diff
from holdfast.cli.output import on_one_line, printable, show_table
from holdfast.cli.progress_text import format_size
from holdfast.cli.selection import selection_options
from holdfast.errors import DamagedData, HoldfastError, UsageError
from holdfast.model import tags
from holdfast.model.run import Outcome, Problem

if TYPE_CHECKING:  # see main
    from holdfast.operations.catalog import Entry
    from holdfast.operations.tree_diff import Difference, Totals
    from holdfast.repository.repository import Repository
    from holdfast.repository.tree import Node

_SIGNS = {"added": "+", "removed": "-", "type": "T", "modified": "M", "metadata": "U"}


@click.command("diff", cls=VerbCommand)
@click.argument("first", metavar="BACKUP")
@click.argument("second", metavar="BACKUP|live")
@click.argument("paths", metavar="[PATH...]", nargs=-1)
@selection_options
@click.option(
    "--map-namespace",
    multiple=True,
    metavar="OLD=NEW",
    help="Compare a namespace with one of another name; repeatable.",
)
@click.option("--show-secrets", is_flag=True, help="The values of Secrets, too.")
@click.option("--show-objects", is_flag=True, help="The fields of added and removed objects, too.")
@click.option("--files", is_flag=True, help="Compare trees of files: the default for backups of files.")
@click.option(
    "--metadata",
    is_flag=True,
    help="Of files: also what differs only in mode, owner, time, extended attributes or link target.",
)
@click.pass_obj
def diff(
    session: Session,
    /,
    first: str,
    second: str,
    paths: tuple[str, ...],
    *,
    files: bool,
    metadata: bool,
    **flags: Any,
) -> int:
    """Show what differs between two backups, or a backup and the live cluster. The exit code is 0 if they differ, too.

    Of applications it compares objects, field by field and without what the server writes; of files all, or those at and
    below each PATH.

    \b
    holdfast backup diff monday latest
    holdfast backup diff latest live -n shop
    holdfast backup diff monday latest /srv/data --metadata
    """
    refuse_live_first(first)
    refuse_relative(paths)
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415

    if second == LIVE:
        _refuse_flags("the live cluster", _file_flags(paths, files=files, metadata=metadata))
        return _diff_with_live(session, first, flags)
    repository = session.open_repository(MODULE)
    catalog = read_catalog(repository)
    before, after = catalog.find_backup(first), catalog.find_backup(second)
    if _are_objects(before, after, files=files):
        _refuse_flags("backups of applications", _file_flags(paths, files=files, metadata=metadata))
        return _diff_objects(session, repository, (before, after), flags)
    _refuse_flags("files", _object_flags(flags))
    return _diff_files(session, repository, (before, after), paths, metadata=metadata)


def _diff_with_live(session: Session, first: str, flags: dict[str, Any]) -> int:
    options = diff_options(flags)
    cluster, repository = session.connect_and_open(MODULE)
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.object_diff.run import diff_with_live  # noqa: PLC0415
    from holdfast.operations.restore.opening import open_backup  # noqa: PLC0415

    entry = read_catalog(repository).find_backup(first)
    if entry.kind == tags.FILES:
        raise UsageError(
            f"{entry.name or entry.id.short} is a backup of files",
            why="a cluster has no files to compare it with",
            next="Name a backup of an application; `holdfast backup list` tells the kinds.",
        )
    backup = open_backup(repository, entry)
    view = diff_with_live(repository, backup, cluster, options, session.cancel, session.progress)
    return show_objects_diff(session, view)


def _diff_objects(session: Session, repository: Repository, entries: tuple[Entry, Entry], flags: dict[str, Any]) -> int:
    from holdfast.operations.object_diff.run import diff_backups  # noqa: PLC0415
    from holdfast.operations.restore.opening import open_backup  # noqa: PLC0415

    options = diff_options(flags)
    first, second = (open_backup(repository, entry) for entry in entries)
    return show_objects_diff(
        session, diff_backups(repository, first, second, options, session.cancel, session.progress)
    )


def _diff_files(
    session: Session, repository: Repository, entries: tuple[Entry, Entry], paths: tuple[str, ...], *, metadata: bool
) -> int:
    from holdfast.operations.diff_files import diff_files  # noqa: PLC0415

    before, after = entries
    found = diff_files(repository, before, after, paths, session.cancel, metadata=metadata)
    damaged = (
        _show_lines(session, found, metadata=metadata)
        if session.output == "table"
        else _show_as_document(session, before, after, found)
    )
    for error in damaged:
        show_problem(session, error.what, error.why, error.next, style="red", word="Damage")
    return 3 if damaged else 0


def _are_objects(before: Entry, after: Entry, *, files: bool) -> bool:
    """Raises UsageError for a backup of files beside one of an application, unless files are asked for."""
    if files:
        return False
    are_files = [entry.kind == tags.FILES for entry in (before, after)]
    if any(are_files) and not all(are_files):
        one = before if are_files[0] else after
        raise UsageError(
            f"{one.name or one.id.short} is a backup of files, and the other one is not",
            why="objects are compared with objects, and files with files",
            next="Name two backups of one kind, or add --files to compare the files in which objects are kept.",
        )
    return not any(are_files)


def _file_flags(paths: tuple[str, ...], *, files: bool, metadata: bool) -> list[str]:
    given = {"PATH": bool(paths), "--metadata": metadata, "--files": files}
    return [flag for flag, is_given in given.items() if is_given]


def _object_flags(flags: dict[str, Any]) -> list[str]:
    """Those that were given, as they are written."""
    command = click.get_current_context().command
    return [
        option.opts[-1]
        for option in command.params
        if isinstance(option, click.Option)
        and option.name in flags
        and flags[option.name] not in ((), "", False, "auto")
    ]


def _refuse_flags(what: str, given: list[str]) -> None:
    if given:
        raise UsageError(
            f"{given[0]} does not go with {what}",
            why="selections, mappings and --show-… are for objects, PATHs and --metadata for files",
            next="Leave it out, or add --files to compare the files of two backups.",
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
            outcome = Outcome.of_failure(error)
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
