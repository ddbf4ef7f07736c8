"""`holdfast drill`: proving that a backup comes back, by bringing it back somewhere else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.drill_checks import gather_checks
from holdfast.cli.errors import show_problem
from holdfast.cli.latest import find_backup, latest_options, parse_latest
from holdfast.cli.output import local_time, say, show_document, show_facts, show_log, show_table
from holdfast.cli.quantities import parse_duration
from holdfast.model.run import Verb

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.model.drill import DrillReport


@click.group("drill", short_help="Restore backups into throw-away namespaces, check what runs there, and remove it.")
def command() -> None:
    """Drills: a backup is restored into closed, throw-away namespaces, tried there, and removed."""


@command.command("run", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@click.option(
    "-n", "--namespace", "namespaces", multiple=True, metavar="NAME", help="Only these; name or glob, repeatable."
)
@click.option("--exclude-kind", "exclude_kinds", multiple=True, metavar="KIND", help="Not these kinds; repeatable.")
@click.option(
    "--check-command",
    "commands",
    multiple=True,
    metavar="CHECK",
    help="'kind/namespace/name[/container]: COMMAND [=> OUTPUT]': run it there; exit code 0, and that output. Repeatable.",
)
@click.option(
    "--check-query",
    "queries",
    multiple=True,
    metavar="CHECK",
    help="'kind/namespace/name: SQL [=> ANSWER]', by the mariadb, mysql or psql of the container. Repeatable.",
)
@click.option(
    "--check-checksum",
    "checksums",
    multiple=True,
    metavar="CHECK",
    help="'kind/namespace/name: /PATH [=> sha256:…]', of a file or of all files below a directory. Repeatable.",
)
@click.option("--checks", "file", type=click.Path(path_type=Path), metavar="FILE", help="Checks in a YAML file.")
@click.option(
    "--timeout", default="15m", show_default=True, metavar="TIME", help="Until all is ready, at most: 90s, 1h."
)
@click.option("--check-timeout", default="1m", show_default=True, metavar="TIME", help="For each check.")
@click.option("--open-inside", is_flag=True, help="Let the pods of a namespace reach each other.")
@click.option("--keep", is_flag=True, help="Leave the namespaces, to look into them; `drill clean` removes them.")
@latest_options
@click.pass_obj
def run(session: Session, /, reference: str, namespaces: tuple[str, ...], keep: bool, **flags: Any) -> int:
    """Restore a backup into throw-away namespaces, wait until it runs, check it, measure, and remove it again.

    \b
    holdfast drill run latest
    holdfast drill run latest -n shop --check-query 'statefulset/shop/db: select count(*) from shop.orders => 3'
    holdfast drill run monday --checks checks.yaml --keep
    """
    checks = gather_checks(flags["commands"], flags["queries"], flags["checksums"], flags["file"])
    timeout, check_timeout = (
        parse_duration(f"--{name}", flags[name.replace("-", "_")]) for name in ("timeout", "check-timeout")
    )
    wanted = parse_latest(session, reference, flags, namespaces)
    cluster, repository = session.connect_and_open("holdfast.operations.drill.run")
    from holdfast.operations.drill.run import DrillOptions, drill  # noqa: PLC0415
    from holdfast.operations.restore.opening import open_backup  # noqa: PLC0415

    options = DrillOptions(
        namespaces=namespaces,
        exclude_kinds=flags["exclude_kinds"],
        checks=checks,
        timeout=timeout,
        check_timeout=check_timeout,
        open_inside=flags["open_inside"],
        keep=keep,
    )
    backup = open_backup(repository, find_backup(repository, reference, wanted))
    report = drill(repository, backup, cluster, options, session.cancel, session.progress)
    session.tell(report)
    if not show_document(session, report):
        _show_checks(session, report)
        _show_ending(session, report)
    return report.outcome.exit_code


@command.command("list", cls=VerbCommand)
@click.pass_obj
def list_drills(session: Session) -> None:
    """List the drills whose reports are in this repository; newest last."""
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415

    entries = read_catalog(session.open_repository()).reports(Verb.DRILL_RUN)
    document = [
        {
            "id": entry.tags.get("run"),
            "name": entry.name,
            "backup": entry.tags.get("backup"),
            "outcome": entry.outcome.value,
            "time": entry.snapshot.time,
            "cluster": entry.snapshot.hostname,
        }
        for entry in entries
    ]
    if show_document(session, document):
        return
    if not entries:
        say(session, "There were no drills yet. Make one with `holdfast drill run`.")
        return
    rows = [
        (entry.tags.get("run"), entry.name, entry.outcome.value, local_time(entry.time), entry.snapshot.hostname or "-")
        for entry in entries
    ]
    show_table(session, ("ID", "BACKUP", "OUTCOME", "TIME", "CLUSTER"), rows)


@command.command("show", cls=VerbCommand)
@click.argument("reference", metavar="DRILL")
@click.option("--log", is_flag=True, help="Print the run's log.")
@click.pass_obj
def show(session: Session, reference: str, log: bool) -> None:
    """Show what a drill proved. DRILL is the start of its id, or `latest`."""
    from holdfast.operations.drill.report import read_drill  # noqa: PLC0415

    report, text = read_drill(session.open_repository(), reference)
    if log:
        show_log(session, text)
        return
    if show_document(session, report):
        return
    show_facts(
        session,
        [
            ("Drill", report.id),
            ("Backup", f"{report.name} ({report.backup[:8]})"),
            ("Outcome", report.outcome.value),
            ("Time", f"{report.started_at} to {report.finished_at}"),
            ("Cluster", report.cluster or "-"),
            ("Namespaces", ", ".join(f"{old} as {new}" for old, new in report.namespaces.items()) or "-"),
            ("Objects", ", ".join(f"{count:,} {result}" for result, count in report.counts.items()) or "-"),
        ],
    )
    click.echo()
    _show_checks(session, report)
    _show_ending(session, report)


@command.command("clean", cls=VerbCommand)
@click.option("--all", "running", is_flag=True, help="Also namespaces of drills that may still be going on.")
@click.pass_obj
def clean(session: Session, running: bool) -> None:
    """Remove namespaces that drills have kept, or left when they were killed."""
    from holdfast.operations.drill.cleaning import remove_drills  # noqa: PLC0415

    removed = remove_drills(session.connect(), dt.datetime.now(dt.UTC), running=running)
    if show_document(session, [{"namespace": one.name, "run": one.run} for one in removed]):
        return
    for one in removed:
        click.echo(f"Removed the namespace {one.name}")
    if not removed:
        say(session, "There is nothing that drills have left.")


def _show_checks(session: Session, report: DrillReport) -> None:
    if not report.checks:
        return
    rows = [
        (
            "passed" if one.passed else "FAILED",
            one.kind.value,
            one.target or "-",
            one.check,
            one.output.partition("\n")[0] or "-",
            f"{one.seconds:,.1f} s",
        )
        for one in report.checks
    ]
    show_table(session, ("RESULT", "CHECK", "TARGET", "WHAT", "FOUND", "TIME"), rows, right=("TIME",))
    click.echo()


def _show_ending(session: Session, report: DrillReport) -> None:
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
    for note in report.notes:
        say(session, f"Note: {note}")
    if "rto" in report.seconds:
        click.echo(
            f"Back in {report.seconds['rto']:,.1f} s: {report.seconds['restore']:,.1f} s to restore,"
            f" {report.seconds['ready']:,.1f} s more until all was ready"
        )
    passed = sum(one.passed for one in report.checks)
    word = "done" if report.outcome == "done" else report.outcome.value.upper()
    click.echo(f"Drill {report.id} of {report.name} is {word}: {passed} of {len(report.checks)} checks passed")
