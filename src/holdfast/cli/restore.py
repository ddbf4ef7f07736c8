"""`holdfast restore`: planning, running and reading restores."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.aftermath import aftermath_lines, aftermath_options, parse_aftermath
from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.errors import show_problem
from holdfast.cli.files import restore_files, show_restored
from holdfast.cli.output import local_time, say, show_document, show_facts, show_log, show_table
from holdfast.cli.quantities import parse_before
from holdfast.cli.selection import EVERYTHING, make_selection, selection_options
from holdfast.model.restore import Action, ObjectResult, OnConflict, RestorePlanView, RestoreReport, Result
from holdfast.model.run import RESTORE_VERBS

_SHOWN = 40
"""Lines of a table of plain successes that people still read; problems are always shown."""


@click.group("restore", short_help="Plan and run restores, and read their reports.")
def command() -> None:
    """Restores from backups, into the same cluster or another one. Without selection flags everything is restored."""


def _restore_options(function: Any) -> Any:
    options = (
        click.argument("reference", metavar="BACKUP"),
        selection_options,
        click.option(
            "--map-namespace", multiple=True, metavar="OLD=NEW", help="Restore a namespace under another name."
        ),
        click.option("--map-storage-class", multiple=True, metavar="OLD=NEW", help="Use another storage class."),
        click.option(
            "--on-conflict",
            type=click.Choice([choice.value for choice in OnConflict]),
            default=OnConflict.SKIP.value,
            show_default=True,
            help="Objects that exist and differ: leave them, make them as in the backup, or do not begin.",
        ),
        click.option("--before", default="", metavar="TIME", help="With `latest`: the newest backup before this time."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("plan", cls=VerbCommand)
@_restore_options
@click.pass_obj
def plan(session: Session, /, reference: str, **flags: Any) -> int:
    """Show what `restore run` would do, object by object, and change nothing."""
    return _plan(session, reference, flags)


@command.command("run", cls=VerbCommand)
@_restore_options
@click.option("--dry-run", is_flag=True, help="The same as `restore plan`.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before existing objects are changed.")
@aftermath_options
@click.pass_obj
def run(session: Session, /, reference: str, dry_run: bool, yes: bool, **flags: Any) -> int:
    """Restore a backup. What exists already is left alone unless --on-conflict update is given.

    \b
    holdfast restore run latest
    holdfast restore run shop-20261123-051942 -n shop --map-namespace shop=shop-copy
    holdfast restore run latest --object configmap/shop/settings --on-conflict update
    """
    if dry_run:
        return _plan(session, reference, flags)
    repository, backup, cluster, options = _open(session, reference, flags)
    from holdfast.operations.restore.run import restore  # noqa: PLC0415

    if options.on_conflict is OnConflict.UPDATE and not yes and is_interactive():
        confirm("Objects that exist and differ will be overwritten. Go on?")
    report = restore(repository, backup, cluster, options, session.cancel, session.progress)
    _show_report(session, report)
    return report.outcome.exit_code


def _open(session: Session, reference: str, flags: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """(repository, opened backup, cluster, options)"""
    from holdfast.objects.mapping import ObjectMapping, parse_namespaces, parse_storage_classes  # noqa: PLC0415

    selection = make_selection(flags, default=EVERYTHING)
    mapping = ObjectMapping(parse_namespaces(flags["map_namespace"]), parse_storage_classes(flags["map_storage_class"]))
    before = parse_before(flags["before"])
    after = parse_aftermath(flags)
    cluster, repository = session.connect_and_open("holdfast.operations.restore.run")
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.restore.plan import RestoreOptions  # noqa: PLC0415
    from holdfast.operations.restore.run import open_backup  # noqa: PLC0415

    options = RestoreOptions(
        selection=selection, mapping=mapping, on_conflict=OnConflict(flags["on_conflict"]), **after
    )
    entry = read_catalog(repository).find_backup(reference, before=before)
    return repository, open_backup(repository, entry), cluster, options


def _plan(session: Session, reference: str, flags: dict[str, Any]) -> int:
    repository, backup, cluster, options = _open(session, reference, flags)
    from holdfast.operations.restore.run import show_plan  # noqa: PLC0415

    view = show_plan(repository, backup, cluster, options, session.cancel, session.progress)
    blocked = view.counts.get(Action.BLOCKED, 0) or view.errors
    if not show_document(session, view):
        _show_plan(session, view)
    return 3 if blocked else 0


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


def _show_report(session: Session, report: RestoreReport) -> None:
    if show_document(session, report):
        return
    quiet_results = (Result.CREATED, Result.UNCHANGED)
    notable = [item for item in report.objects if item.result not in quiet_results or item.why]
    shown = report.objects if len(report.objects) <= _SHOWN else notable
    if shown:
        _show_objects(session, shown)
        click.echo()
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
    for note in report.notes:
        say(session, f"Note: {note}")
    for line in aftermath_lines(report):
        click.echo(line)
    counts = ", ".join(f"{report.counts[result]:,} {result}" for result in Result if report.counts[result])
    word = "done" if report.outcome == "done" else report.outcome.value.upper()
    click.echo(f"Restore {report.id} of {report.name} is {word}: {counts}")


def _show_objects(session: Session, objects: list[ObjectResult]) -> None:
    rows = [(item.result.value, item.kind, item.namespace or "-", item.name, item.why) for item in objects]
    show_table(session, ("RESULT", "KIND", "NAMESPACE", "NAME", "WHY"), rows)


command.add_command(restore_files)


@command.command("list", cls=VerbCommand)
@click.pass_obj
def list_restores(session: Session) -> None:
    """List the restores that were run from this repository; newest last."""
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415

    entries = read_catalog(session.open_repository()).reports(*RESTORE_VERBS)
    document = [
        {
            "id": entry.tags.get("run"),
            "name": entry.name,
            "outcome": entry.outcome.value,
            "time": entry.snapshot.time,
            "cluster": entry.snapshot.hostname,
        }
        for entry in entries
    ]
    if show_document(session, document):
        return
    if not entries:
        say(session, "Nothing was restored from this repository yet.")
        return
    rows = [
        (entry.tags.get("run"), entry.name, entry.outcome.value, local_time(entry.time), entry.snapshot.hostname or "-")
        for entry in entries
    ]
    show_table(session, ("ID", "BACKUP", "OUTCOME", "TIME", "CLUSTER"), rows)


@command.command("show", cls=VerbCommand)
@click.argument("reference", metavar="RESTORE")
@click.option("--log", is_flag=True, help="Print the run's log.")
@click.pass_obj
def show(session: Session, reference: str, log: bool) -> None:
    """Show what a restore did to each object. RESTORE is the start of its id, or `latest`."""
    from holdfast.operations.restore.run import read_report  # noqa: PLC0415

    report, text = read_report(session.open_repository(), reference)
    if log:
        show_log(session, text)
        return
    if not isinstance(report, RestoreReport):
        show_restored(session, report)
        return
    if show_document(session, report):
        return
    show_facts(
        session,
        [
            ("Restore", report.id),
            ("Backup", f"{report.name} ({report.backup[:8]})"),
            ("Outcome", report.outcome.value),
            ("Time", f"{report.started_at} to {report.finished_at}"),
            ("Cluster", report.cluster or "-"),
            ("Namespaces", ", ".join(f"{old} as {new}" for old, new in report.namespaces.items()) or "unchanged"),
        ],
    )
    click.echo()
    _show_objects(session, report.objects)
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
