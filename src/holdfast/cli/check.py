"""`holdfast repository check`: are all backups whole?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.output import on_one_line, show_document
from holdfast.cli.progress_text import format_size
from holdfast.cli.quantities import parse_percent

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.operations.check_repository import CheckRun
    from holdfast.repository.check_report import Finding


@click.command("check", cls=VerbCommand)
@click.option(
    "--read-data",
    is_flag=False,
    flag_value="100%",
    default="0%",
    metavar="[=N%]",
    help="Read stored data too and prove every byte of it: all, or the part that is next, so that all is read in time.",
)
@click.pass_obj
def check(session: Session, read_data: str) -> int:
    """Check that all backups are whole: structure always, stored data as asked. Exit code 1 if anything is damaged."""
    fraction = parse_percent("--read-data", read_data)
    repository = session.open_repository("holdfast.operations.check_repository")
    from holdfast.operations.check_repository import check_repository  # noqa: PLC0415

    run = check_repository(repository, fraction, session.cancel, session.progress)
    session.tell(run, reason="DamageFound" if run.counts["errors"] else "")
    if not show_document(session, run):
        for finding in run.findings:
            _show_finding(session, finding)
        for note in run.notes:
            show_problem(session, note, "", "", style="cyan", word="Note")
        _show_summary(run)
    return 1 if run.counts["errors"] else 0


def _show_finding(session: Session, finding: Finding) -> None:
    is_error = finding.severity == "error"
    word, style = ("Damage", "red") if is_error else ("Note", "cyan")
    show_problem(session, finding.what, finding.why, finding.next, style=style, word=word)
    if finding.path_count > 1:
        for path in finding.paths:
            click.echo(f"    {on_one_line(path)}", err=True)
        if finding.path_count > len(finding.paths):
            click.echo(f"    … and {finding.path_count - len(finding.paths):,} more", err=True)


def _show_summary(run: CheckRun) -> None:
    counts = run.counts
    part = f", from {run.sample.start:.1%} to {run.sample.end:.1%} of them" if run.sample else ""
    read = (
        f", {counts['packsRead']:,} packs read ({format_size(run.bytes['read'])}{part})"
        if run.level != "structure"
        else ""
    )
    click.echo(
        f"Checked {counts['snapshots']:,} snapshots, {counts['trees']:,} trees, {counts['blobs']:,} blobs"
        f" in {counts['packs']:,} packs{read}"
    )
    if counts["errors"]:
        click.echo(click.style(f"{counts['errors']:,} errors were found", fg="red", bold=True))
    else:
        click.echo(click.style("no errors were found", fg="green"))
