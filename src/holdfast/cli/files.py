"""`holdfast backup files` and `holdfast restore files`: plain directories, files and devices."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.mover_options import mover_options
from holdfast.cli.output import counted, say, show_document
from holdfast.cli.progress_text import format_size
from holdfast.cli.restore_into_claim import PREFIX, restore_into_claim
from holdfast.errors import UsageError
from holdfast.model.run import Run
from holdfast.model.span import Span

_MOST_PROBLEMS = 20


@click.command("files", cls=VerbCommand)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--name", default="", help="Name of the backup. Default: made of the path and the time.")
@click.option(
    "--type",
    "backup_type",
    type=click.Choice(["full", "incremental", "differential"]),
    default="incremental",
    show_default=True,
    help="full reads everything; the others only files changed since the newest backup, or the newest full one.",
)
@click.option(
    "--include",
    "includes",
    multiple=True,
    metavar="PATTERN",
    help="Below each PATH only what fits, and directories on the way. Repeatable.",
)
@click.option(
    "--exclude", "excludes", multiple=True, metavar="PATTERN", help="Leave out; `!PATTERN` takes back. Repeatable."
)
@click.option(
    "--exclude-file",
    "exclude_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File of such patterns, one a line; # begins a comment. Repeatable.",
)
@click.option("--exclude-caches", is_flag=True, help="Leave out what a CACHEDIR.TAG marks as a cache.")
@click.option("-x", "--one-file-system", is_flag=True, help="Do not go into other file systems.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label to find the backup by; repeatable."
)
@click.option(
    "--keep-for", default="", metavar="DURATION", help="Stays so long, whatever rules say, and then goes: 30d, 1y6m."
)
@click.option("--host", default="", metavar="NAME", help="Default: this host's name.")
@click.pass_obj
def backup_files(
    session: Session, /, paths: tuple[str, ...], name: str, backup_type: str, labels: tuple[str, ...], **flags: Any
) -> int:
    """Back up directories, files, or the content of block devices.

    \b
    holdfast backup files /srv/data --exclude '*.tmp'
    holdfast backup files /dev/vg0/data --name data
    """
    from holdfast.volumes.selection import read_patterns, select  # noqa: PLC0415

    patterns = [pattern for file in flags["exclude_files"] for pattern in read_patterns(file)]
    selection = select(
        [*patterns, *flags["excludes"]],
        includes=flags["includes"],
        exclude_caches=flags["exclude_caches"],
        one_file_system=flags["one_file_system"],
    )
    parsed_labels, keep_for = parse_labels(labels), parse_keep_for(flags["keep_for"])
    repository = session.open_repository("holdfast.operations.back_up_files")
    from holdfast.model.backup import BackupType  # noqa: PLC0415
    from holdfast.operations.back_up_files import BackUpFilesOptions, back_up_files  # noqa: PLC0415

    options = BackUpFilesOptions(
        paths=tuple(os.fsencode(path) for path in paths),
        selection=selection,
        name=name,
        type=BackupType(backup_type),
        labels=parsed_labels,
        keep_for=keep_for,
        hostname=flags["host"],
    )
    run = back_up_files(repository, options, session.cancel, session.progress)
    session.tell(run)
    if not show_document(session, run):
        _show_problems(session, run)
        counts, sizes = run.counts, run.bytes
        click.echo(
            f"Backup {click.style(run.name, bold=True)} ({run.id[:8]}, {run.type}) is {_word(run)}: "
            f"{counted(counts['files'], 'file')}, {format_size(sizes['files'])}; {counts['new']:,} new, "
            f"{counts['changed']:,} changed, {counts['unmodified']:,} unmodified; {format_size(sizes['stored'])} stored"
        )
    return run.outcome.exit_code


@click.command("files", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@click.argument("paths", metavar="[PATH...]", nargs=-1)
@click.option(
    "--target",
    required=True,
    metavar="DIR|-|pvc:NAMESPACE/CLAIM",
    help="Where to; paths of the backup begin there. - is a tar stream. pvc:shop/data, or a directory in it, "
    "pvc:shop/data/dir: files of one volume of the backup into a claim.",
)
@click.option(
    "--include", multiple=True, metavar="PATTERN", help="Only what fits, with all below it; as --exclude. Repeatable."
)
@click.option("--delete", is_flag=True, help="Remove what the backup does not have from restored directories.")
@click.option("--verify", is_flag=True, help="Read every file back and compare it with the backup.")
@mover_options
@click.pass_obj
def restore_files(session: Session, /, reference: str, paths: tuple[str, ...], target: str, **flags: Any) -> int:
    """Restore files, all or those at and below each PATH, which is as the backup has it.

    \b
    holdfast restore files latest --target /srv/restored
    holdfast restore files latest /srv/data/db --target / --delete --verify
    holdfast restore files latest /srv/data --target - | tar -C /mnt -x
    holdfast restore files latest /volumes/shop/data/img --target pvc:shop/data
    """
    refuse_relative(paths)
    if target == "-" and (sys.stdout.isatty() or flags["delete"] or flags["verify"] or session.output != "table"):
        raise UsageError(
            "a tar stream cannot go to a terminal, be verified or deleted from, or come with -o",
            why="it is all there is on standard output",
            next="Redirect it into a file or pipe.",
        )
    if target.startswith(PREFIX):
        run = restore_into_claim(session, reference, paths, target, flags)
        session.tell(run)
        show_restored(session, run)
        return run.outcome.exit_code
    repository = session.open_repository("holdfast.operations.restore_files")
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.restore_files import RestoreFilesOptions, restore_files, stream_files  # noqa: PLC0415

    options = RestoreFilesOptions(
        target=os.fsencode(Path(target).absolute()),
        paths=tuple(os.fsencode(path) for path in paths),
        include=flags["include"],
        delete=flags["delete"],
        verify=flags["verify"],
    )
    entry = read_catalog(repository).find_backup(reference)
    if target == "-":
        run = stream_files(repository, entry, options, sys.stdout.buffer, session.cancel, session.progress)
        session.tell(run)
        _show_problems(session, run)
        return run.outcome.exit_code
    run = restore_files(repository, entry, options, session.cancel, session.progress)
    session.tell(run)
    show_restored(session, run)
    return run.outcome.exit_code


def show_restored(session: Session, run: Run) -> None:
    """What a restore of files did."""
    if show_document(session, run):
        return
    _show_problems(session, run)
    counts = run.counts
    done = ", ".join(f"{counts[name]:,} {name}" for name in ("deleted", "verified") if counts.get(name))
    click.echo(
        f"Restore {run.run} of {run.name} is {_word(run)}: {counted(counts.get('files', 0), 'file')}, "
        f"{format_size(run.bytes.get('files', 0))}{done and f', {done}'}"
    )


def refuse_relative(paths: tuple[str, ...]) -> None:
    """Paths in a backup must be absolute. Raises UsageError."""
    for path in paths:
        if not path.startswith("/"):
            raise UsageError(
                f"{path} is not absolute",
                why="a backup holds paths from the root down",
                next="Give paths as `holdfast backup browse` shows them.",
            )


def parse_labels(labels: tuple[str, ...]) -> dict[str, str]:
    """`--label KEY=VALUE`, as often as given. Raises UsageError."""
    parsed = {}
    for label in labels:
        key, equals, value = label.partition("=")
        if not key or not equals:
            raise UsageError(f"--label {label!r} is not KEY=VALUE", why="it needs a key and an equals sign")
        parsed[key] = value
    return parsed


def parse_keep_for(text: str) -> Span | None:
    """Raises UsageError."""
    return Span.parse(text, "--keep-for") if text else None


def _word(run: Run) -> str:
    return "done" if run.outcome == "done" else run.outcome.value.upper()


def _show_problems(session: Session, run: Run) -> None:
    for problem in run.errors[:_MOST_PROBLEMS]:
        show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Missing")
    if len(run.errors) > _MOST_PROBLEMS:
        say(session, f"… and {len(run.errors) - _MOST_PROBLEMS:,} more; all are in the report.")
    for note in run.notes:
        say(session, f"Note: {note}")
