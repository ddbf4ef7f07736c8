"""`holdfast backup`: making backups, listing, showing and deleting them. Other verbs are in files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.backup_data import data_of_flags, data_options
from holdfast.cli.backup_views import show_preview, show_record, show_run, show_run_facts
from holdfast.cli.browse import browse, cat
from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.diff import diff
from holdfast.cli.errors import show_problem
from holdfast.cli.files import backup_files, parse_keep_for, parse_labels
from holdfast.cli.forget import forget_backups
from holdfast.cli.hook_options import backup_hook_options, hooks_of
from holdfast.cli.mover_options import MoverFlags, mover_options
from holdfast.cli.of_plan import plan_options
from holdfast.cli.output import local_time, say, show_document, show_log, show_table
from holdfast.cli.progress_text import format_size
from holdfast.cli.selection import make_selection, selection_options
from holdfast.cli.verify import verify
from holdfast.errors import NotFound, UsageError
from holdfast.model import tags
from holdfast.model.run import timestamp

if TYPE_CHECKING:  # see main
    from holdfast.operations.catalog import Catalog, Entry


@click.group("backup", short_help="Make backups of applications and files, list them, look into them.")
def command() -> None:
    """Backups of applications and of files. A BACKUP is named by the start of its id, by its name, or by `latest`."""


@command.command("create", cls=VerbCommand)
@selection_options
@click.option(
    "--plan",
    default="",
    metavar="NAMESPACE/NAME",
    help="Run this BackupPlan of the cluster: it says what is backed up, and how. --name and --label may be added.",
)
@click.option("--name", default="", help="Name of the backup. Default: made of the namespace or plan and the time.")
@click.option(
    "--type",
    "backup_type",
    type=click.Choice(["full", "incremental", "differential"]),
    default="incremental",
    show_default=True,
    help="What 'changed since' compares with, and which files of volumes are read: full reads all. Objects are always read in"
    " full; every type restores alone.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label to find the backup by; repeatable."
)
@click.option(
    "--keep-for", default="", metavar="DURATION", help="Stays so long, whatever rules say, and then goes: 30d, 1y6m."
)
@data_options
@backup_hook_options
@mover_options
@click.option("--dry-run", is_flag=True, help="Show what would be taken and why each object is in; write nothing.")
@click.pass_obj
def create(session: Session, /, name: str, backup_type: str, labels: tuple[str, ...], **flags: Any) -> int:
    """Back up namespaces, workloads with what they live on, labelled objects or single objects.

    \b
    holdfast backup create -n shop
    holdfast backup create -A --exclude-namespace 'kube-*' --volumes none
    holdfast backup create -n shop -l 'tier in (web,db)' --dry-run
    holdfast backup create --workload deployment/shop/web
    holdfast backup create --plan shop/nightly
    """
    movers = MoverFlags.taken_from(flags)
    if flags["plan"]:
        cluster, options, movers = plan_options(session, flags["plan"], movers, name=name, labels=parse_labels(labels))
    else:
        from holdfast.model.backup import BackupType  # noqa: PLC0415
        from holdfast.operations.back_up_options import BackUpOptions  # noqa: PLC0415
        from holdfast.operations.run_key import JobRun  # noqa: PLC0415

        options = BackUpOptions(
            selection=make_selection(flags),
            name=name,
            type=BackupType(backup_type),
            **data_of_flags(flags),
            hooks=hooks_of(flags),
            labels=parse_labels(labels),
            keep_for=parse_keep_for(flags["keep_for"]),
            cluster_name=session.settings.cluster_name,
            key=JobRun(session.job) if session.job else None,
        )
        cluster = session.connect()
    if flags["dry_run"]:
        from holdfast.operations.back_up_preview import preview  # noqa: PLC0415

        return show_preview(session, preview(cluster, options, session.cancel, session.progress))
    _, repository = session.connect_and_open("holdfast.operations.back_up", cluster)
    from holdfast.operations.back_up import back_up  # noqa: PLC0415
    from holdfast.operations.volumes_of_backup.moving import PodMovers  # noqa: PLC0415

    pods = PodMovers(cluster, lambda cluster_name: movers.settings(session, cluster, cluster_name=cluster_name))
    run = back_up(repository, cluster, options, session.cancel, session.progress, movers=pods)
    session.tell(run)
    show_run(session, run)
    return run.outcome.exit_code


command.add_command(backup_files)


@command.command("list", cls=VerbCommand)
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Only backups with this label; repeatable.")
@click.option("--plan", default="", metavar="NAMESPACE/NAME", help="Only those of this plan.")
@click.pass_obj
def list_backups(session: Session, labels: tuple[str, ...], plan: str) -> None:
    """List backups, and the runs that failed to make one; newest last."""
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415

    catalog = read_catalog(session.open_repository())
    wanted = parse_labels(labels).items()
    entries = [
        entry
        for entry in catalog.backups_and_failures()
        if wanted <= entry.tags.labels.items() and plan in ("", entry.tags.get(tags.PLAN))
    ]
    _warn_of_damage(session, catalog)
    proofs = catalog.proofs()
    if show_document(session, [_entry_document(entry, proofs.get(entry.id.hex())) for entry in entries]):
        return
    rows: list[tuple[str, ...]] = [
        (
            entry.id.short,
            entry.name or "-",
            entry.kind_of_run,
            entry.tags.get("type") or "-",
            entry.outcome.value,
            local_time(entry.time),
            f"{entry.snapshot.summary.total_files_processed:,}" if entry.snapshot.summary else "-",
            format_size(entry.snapshot.summary.data_added_packed) if entry.snapshot.summary else "-",
            entry.snapshot.hostname[:20] or "-",
            ", ".join(entry.snapshot.paths) if entry.is_backup else "-",
        )
        for entry in entries
    ]
    if not rows:
        say(session, "There are no backups. Make one with `holdfast backup create`.")
        return
    # Columns that most repositories have nothing for come last, and only if there is something: the table is wide.
    columns = ["ID", "NAME", "KIND", "TYPE", "OUTCOME", "TIME", "OBJECTS", "ADDED", "CLUSTER", "SELECTION"]
    if any(entry.tags.get(tags.PLAN) for entry in entries):
        columns.append("PLAN")
        rows = [(*row, entry.tags.get(tags.PLAN) or "-") for row, entry in zip(rows, entries, strict=True)]
    kept = [entry.tags.keep_until for entry in entries]
    if any(kept):
        columns.append("KEEP UNTIL")
        rows = [(*row, local_time(moment) if moment else "-") for row, moment in zip(rows, kept, strict=True)]
    if any(entry.id.hex() in proofs for entry in entries):
        columns.append("PROVEN")
        rows = [(*row, _proven(proofs.get(entry.id.hex()))) for row, entry in zip(rows, entries, strict=True)]
    show_table(session, columns, rows, right=("OBJECTS", "ADDED"))


def _proven(report: Entry | None) -> str:
    """`verified 2026-11-23 05:19:42`"""
    return f"{report.tags.get(tags.PROOF)} {local_time(report.time)}" if report else "-"


def _warn_of_damage(session: Session, catalog: Catalog) -> None:
    for _, error in catalog.damaged:
        show_problem(session, error.what, error.why, error.next, style="red", word="Damage")


def _entry_document(entry: Entry, proof: Entry | None) -> dict[str, Any]:
    summary = entry.snapshot.summary
    return {
        "id": entry.id.hex(),
        "run": entry.tags.get("run"),
        "name": entry.name,
        "kind": entry.kind_of_run,
        "type": entry.tags.get("type"),
        "outcome": entry.outcome.value,
        "time": entry.snapshot.time,
        "startedAt": summary.backup_start if summary else entry.snapshot.time,
        "finishedAt": summary.backup_end if summary else entry.snapshot.time,
        "cluster": entry.snapshot.hostname,
        "selection": entry.snapshot.paths if entry.is_backup else [],
        "labels": entry.tags.labels,
        "plan": entry.tags.get(tags.PLAN),
        "scheduledAt": entry.tags.get(tags.SCHEDULED),
        "keepUntil": timestamp(keep_until) if (keep_until := entry.tags.keep_until) else "",
        "objects": summary.total_files_processed if summary else 0,
        "addedBytes": summary.data_added_packed if summary else 0,
        "proven": _proof_document(proof) if proof else None,
    }


def _proof_document(report: Entry) -> dict[str, str]:
    return {
        "how": report.tags.get(tags.PROOF),
        "time": report.snapshot.time,
        "run": report.tags.get(tags.RUN),
        "cluster": report.snapshot.hostname,
    }


@command.command("show", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@click.option("--log", is_flag=True, help="Print the log of the run that made it.")
@click.pass_obj
def show(session: Session, reference: str, log: bool) -> None:
    """Show what one backup holds, or why a run failed."""
    from holdfast.operations.backup_details import read_details  # noqa: PLC0415

    details = read_details(session.open_repository(), reference)
    if log:
        show_log(session, details.log)
        return
    if details.record is None:
        run = details.run
        if run is None:
            raise NotFound(
                "this snapshot is not a backup of Holdfast",
                why="another program made it",
                next="Look into it with `holdfast backup browse`.",
            )
        if not show_document(session, run):
            show_run_facts(session, run)
        return
    show_record(session, details.id, details.record)


command.add_command(forget_backups)
command.add_command(browse)
command.add_command(cat)
command.add_command(diff)
command.add_command(verify)


@command.command("delete", cls=VerbCommand)
@click.argument("references", metavar="BACKUP...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(session: Session, references: tuple[str, ...], yes: bool) -> None:
    """Delete backups. Their data goes when the repository is pruned and no other backup uses it."""
    from holdfast.operations.backup_details import delete_backups, find_backups  # noqa: PLC0415

    repository = session.open_repository()
    entries = find_backups(repository, references)
    if not yes:
        if not is_interactive():
            raise UsageError("deleting needs your word", why="there is no terminal to ask at", next="Add --yes.")
        names = ", ".join(f"{entry.name or entry.id.short} of {local_time(entry.time)}" for entry in entries)
        confirm(f"Delete {names}?")
    delete_backups(repository, entries, session.cancel)
    if not show_document(session, [{"id": entry.id.hex(), "name": entry.name} for entry in entries]):
        for entry in entries:
            click.echo(f"Deleted {entry.name or entry.id.short} ({entry.id.short})")
