"""`holdfast repository repair`: the index, packs and snapshots, from what is left of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.output import counted, on_one_line, show_document
from holdfast.cli.repair_documents import HEAL, LostPath, describe_index, describe_packs, describe_snapshots
from holdfast.errors import NotFound
from holdfast.model.run import Problem

if TYPE_CHECKING:
    from holdfast.ids import SnapshotId
    from holdfast.repository.repair_index import IndexRepair
    from holdfast.repository.repository import Repository

_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group("repair")
def repair() -> None:
    """Mend a damaged repository from what is left. In this order: packs, index, a new backup, snapshots."""


@repair.command("index", cls=VerbCommand)
@click.option("--read-all-packs", is_flag=True, help="Compare what the index says with the header of every pack.")
@_dry_run
@click.pass_obj
def repair_index(session: Session, read_all_packs: bool, dry_run: bool) -> int:
    """Make the index say what packs there are: lost ones leave it, unlisted ones enter it, damaged files are replaced."""
    from holdfast.repository.repair_index import repair_index as mend  # noqa: PLC0415

    report = mend(
        session.open_repository(),
        read_all_packs=read_all_packs,
        dry_run=dry_run,
        cancel=session.cancel,
        progress=session.progress,
    )
    document = describe_index(report, dry_run=dry_run)
    if not show_document(session, document):
        _show_errors(session, document.errors)
        for lost in document.lost:
            click.echo(f"Lost: pack {lost.pack[:8]}: {lost.why}")
        for note in document.notes:
            click.echo(f"Note: {note}")
        click.echo(_index_summary(report, dry_run=dry_run))
        if document.lost and not dry_run:
            click.echo(HEAL)
    return document.outcome.exit_code


def _index_summary(report: IndexRepair, *, dry_run: bool) -> str:
    if not report.is_needed:
        files = counted(report.index_files, "index file")
        return f"No damage in {files} for {counted(report.packs, 'pack')}; nothing was changed"
    return (
        f"{_tense('replaced', dry_run)} {counted(report.replaced, 'index file')} by {report.written:,}: "
        f"{counted(len(report.found), 'pack')} found, {len(report.corrected):,} corrected, {len(report.forgotten):,} lost, "
        f"{report.listed_twice:,} listed twice"
    )


@repair.command("packs", cls=VerbCommand)
@click.argument("packs", metavar="[PACK...]", nargs=-1)
@click.option(
    "--save-damaged",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep a copy of each damaged pack in DIR.",
)
@_dry_run
@click.pass_obj
def repair_packs(session: Session, packs: tuple[str, ...], save_damaged: Path | None, dry_run: bool) -> int:
    """Store what is whole in damaged packs again, delete them, and list what is lost.

    PACK is the start of a pack's id. Without one, all packs are read to find those that are damaged.
    """
    from holdfast.repository.repair_packs import find_packs  # noqa: PLC0415
    from holdfast.repository.repair_packs import repair_packs as mend  # noqa: PLC0415

    repository = session.open_repository()
    report = mend(
        repository,
        find_packs(repository, packs),
        save_damaged=save_damaged,
        dry_run=dry_run,
        cancel=session.cancel,
        progress=session.progress,
    )
    document = describe_packs(report, dry_run=dry_run)
    if not show_document(session, document):
        _show_errors(session, document.errors)
        for note in document.notes:
            click.echo(f"Note: {note}")
        for pack in document.packs:
            click.echo(f"Pack {pack.pack[:8]}: {counted(pack.saved, 'blob')} whole, {pack.lost:,} lost; {pack.why}")
        _show_paths(document.paths)
        if document.packs:
            done = f"{_tense('repaired', dry_run)} {counted(len(document.packs), 'pack')}"
            click.echo(
                f"{done}; {counted(len(document.blobs), 'blob')} and {counted(len(document.paths), 'path')} lost"
            )
        else:
            click.echo(f"No damage in {counted(report.packs_read, 'pack')}; nothing was changed")
        if document.blobs and not dry_run:
            click.echo(HEAL)
    return document.outcome.exit_code


@repair.command("snapshots", cls=VerbCommand)
@click.argument("snapshots", metavar="[SNAPSHOT...]", nargs=-1)
@click.option("--forget", is_flag=True, help="Delete the damaged snapshots after that.")
@_dry_run
@click.pass_obj
def repair_snapshots(session: Session, snapshots: tuple[str, ...], forget: bool, dry_run: bool) -> int:
    """Make snapshots without what is lost, from those named or all that are damaged. Last, after a new backup.

    SNAPSHOT is the start of a snapshot's id.
    """
    from holdfast.repository.repair_snapshots import repair_snapshots as mend  # noqa: PLC0415

    repository = session.open_repository()
    report = mend(
        repository,
        [_find_snapshot(repository, prefix) for prefix in snapshots],
        forget=forget,
        dry_run=dry_run,
        cancel=session.cancel,
        progress=session.progress,
    )
    document = describe_snapshots(report, dry_run=dry_run)
    if not show_document(session, document):
        _show_errors(session, document.errors)
        _show_paths(document.paths)
        for one in document.snapshots:
            became = f"repaired as {one.repaired[:8]}" if one.repaired else "damaged"
            click.echo(f"Snapshot {one.id[:8]} of {one.time[:19]}: {became}{', and deleted' if one.forgotten else ''}")
        looked = f"{counted(report.snapshots, 'snapshot')} and {counted(report.trees, 'tree')}"
        if document.snapshots:
            click.echo(
                f"Looked through {looked}: {len(document.snapshots):,} damaged, {counted(len(document.paths), 'path')} lost"
            )
        else:
            click.echo(f"No damage in {looked}; nothing was changed")
    return document.outcome.exit_code


def _find_snapshot(repository: Repository, prefix: str) -> SnapshotId:
    found = repository.resolve_snapshot_id(prefix)
    if found is None:
        raise NotFound(
            f"there is no snapshot {prefix!r:.80}",
            why="no snapshot's id begins so",
            next="See which are damaged with `holdfast repository check`.",
        )
    return found


def _show_errors(session: Session, errors: Iterable[Problem]) -> None:
    for problem in errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Damage")


def _show_paths(paths: Sequence[LostPath]) -> None:
    for lost in paths:
        click.echo(f"Lost in snapshot {lost.snapshot[:8]}: {on_one_line(lost.path)}: {lost.why}")


def _tense(done: str, dry_run: bool) -> str:
    return f"Would have {done}" if dry_run else done.capitalize()
