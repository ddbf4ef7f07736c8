"""`holdfast restore`: planning, running and reading restores."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.aftermath import aftermath_options, parse_aftermath
from holdfast.cli.approval import approval
from holdfast.cli.changes import change_options, read_patches
from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.files import restore_files, show_restored
from holdfast.cli.hook_options import hooks_of, restore_hook_options
from holdfast.cli.latest import find_backup, latest_options, parse_latest
from holdfast.cli.mover_options import MoverFlags, mover_options
from holdfast.cli.output import local_time, say, show_document, show_facts, show_log, show_table
from holdfast.cli.restore_undo import undo
from holdfast.cli.restore_views import present_plan, show_objects, show_report
from holdfast.cli.restore_volumes import parse_volumes, show_volumes, volume_options
from holdfast.cli.selection import EVERYTHING, make_selection, selection_options
from holdfast.errors import UsageError
from holdfast.model.restore import OnConflict, RestoreReport

if TYPE_CHECKING:
    from holdfast.objects.mapping import ObjectMapping
    from holdfast.operations.movers.task import MoverSettings


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
        change_options,
        volume_options,
        click.option(
            "--on-conflict",
            type=click.Choice([choice.value for choice in OnConflict]),
            show_default=OnConflict.SKIP.value,
            help="Objects that exist and differ: leave them, make them as in the backup (replace: also where that needs "
            "deleting them), or do not begin.",
        ),
        click.option(
            "--rollback",
            is_flag=True,
            help="Make the selection exactly what it was: with --on-conflict replace, and what was created since is deleted.",
        ),
        click.option(
            "--delete-data",
            is_flag=True,
            help="With --rollback: delete also new claims, volumes and definitions, with the data in them.",
        ),
        click.option(
            "--restore-status",
            multiple=True,
            metavar="KIND,…",
            help="Kinds whose status comes back too; the annotation holdfast.dev/restore-status on an object decides first.",
        ),
        click.option(
            "--quarantine",
            is_flag=True,
            help="For clones: into new namespaces without a way in or out, with nothing that takes the original's place.",
        ),
        click.option(
            "--open-inside",
            is_flag=True,
            help="With --quarantine: let the pods of a namespace reach each other.",
        ),
        click.option(
            "--pause-gitops",
            is_flag=True,
            help="Pause the Flux and Argo CD owners of what is restored while the restore runs.",
        ),
        click.option(
            "--scale-down-first",
            multiple=True,
            metavar="KIND/NAMESPACE/NAME",
            help="A Deployment or StatefulSet, such as an operator, that has no pods while the restore runs.",
        ),
        latest_options,
        click.option(
            "--diff", "all_fields", is_flag=True, help="In a plan: all fields that differ, not only the first."
        ),
        click.option("--show-secrets", is_flag=True, help="In a plan: the values of Secrets, too."),
        restore_hook_options,
        mover_options,
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
@click.option("-y", "--yes", is_flag=True, help="Do not ask before existing objects are changed or deleted.")
@aftermath_options
@click.pass_obj
def run(session: Session, /, reference: str, dry_run: bool, yes: bool, **flags: Any) -> int:
    """Restore a backup. What exists already is left alone unless --on-conflict update is given.

    \b
    holdfast restore run latest
    holdfast restore run shop-20261123-051942 -n shop --map-namespace shop=shop-copy
    holdfast restore run latest --workload deployment/shop/web
    holdfast restore run latest --object configmap/shop/settings --on-conflict update
    holdfast restore run latest -n shop --rollback
    """
    if dry_run:
        return _plan(session, reference, flags)
    repository, task, cluster = _open(session, reference, flags)
    from holdfast.operations.restore.run import restore  # noqa: PLC0415

    approve = approval(session, yes=yes)
    report = restore(repository, task, cluster, session.cancel, session.progress, approve)
    session.tell(report)
    show_report(session, report)
    return report.outcome.exit_code


def _open(session: Session, reference: str, flags: dict[str, Any]) -> tuple[Any, Any, Any]:
    """(repository, task, cluster)"""
    from holdfast.objects.images import parse_images  # noqa: PLC0415
    from holdfast.objects.mapping import (  # noqa: PLC0415
        ObjectMapping,
        parse_claim_sizes,
        parse_namespaces,
        parse_storage_classes,
    )
    from holdfast.objects.node_labels import parse_node_labels  # noqa: PLC0415

    volumes = parse_volumes(flags)
    selection = make_selection(flags, default=EVERYTHING)
    mapping = ObjectMapping(
        parse_namespaces(flags["map_namespace"]),
        parse_storage_classes(flags["map_storage_class"]),
        parse_images(flags["map_image"]),
        parse_node_labels(flags["map_node_label"]),
        parse_claim_sizes(flags["volume_size"]),
    )
    patches = read_patches(flags)
    wanted = parse_latest(session, reference, flags, selection.namespaces)
    on_conflict = _on_conflict(flags, mapping)
    after = parse_aftermath(flags)
    hooks = hooks_of(flags)
    cluster, repository = session.connect_and_open("holdfast.operations.restore.run")
    if volumes["volume_claims"] and selection is EVERYTHING:
        from holdfast.operations.restore.volumes.alone import claims_alone  # noqa: PLC0415

        selection = claims_alone(volumes["volume_claims"], cluster, mapping.namespaces)
    from holdfast.operations.restore.opening import open_backup  # noqa: PLC0415
    from holdfast.operations.restore.plan import RestoreOptions  # noqa: PLC0415
    from holdfast.operations.restore.run import FromBackup  # noqa: PLC0415

    options = RestoreOptions(
        selection=selection,
        mapping=mapping,
        on_conflict=on_conflict,
        rollback=flags["rollback"],
        delete_data=flags["delete_data"],
        show_secrets=flags["show_secrets"],
        patches=patches,
        restore_status=tuple(kind for value in flags["restore_status"] for kind in value.split(",") if kind),
        quarantine=flags["quarantine"],
        open_inside=flags["open_inside"],
        pause_gitops=flags["pause_gitops"],
        scale_down_first=flags["scale_down_first"],
        **volumes,
        **after,
    )
    opened = open_backup(repository, find_backup(repository, reference, wanted))
    movers = MoverFlags.taken_from(flags)

    def mover_settings() -> MoverSettings:
        return movers.settings(session, cluster, cluster_name=opened.record.cluster.name)

    return repository, FromBackup(repository, opened, cluster, options, mover_settings, hooks), cluster


def _on_conflict(flags: dict[str, Any], mapping: ObjectMapping) -> OnConflict:
    """With --rollback it is `replace`. Raises UsageError for flags that contradict each other."""
    chosen = OnConflict(flags["on_conflict"] or OnConflict.SKIP)
    if not flags["rollback"]:
        if flags["delete_data"]:
            raise UsageError("--delete-data has no effect alone", why="only a rollback deletes", next="Add --rollback.")
        return chosen
    if flags["on_conflict"] and chosen is not OnConflict.REPLACE:
        raise UsageError(
            f"--rollback and --on-conflict {chosen.value} contradict each other",
            why="a rollback makes everything as it was, so it replaces what differs",
            next="Leave out one of them.",
        )
    if mapping.namespaces.names:
        raise UsageError(
            "--rollback and --map-namespace contradict each other",
            why="a rollback is about the namespaces that were backed up",
            next="Restore into the other namespace without --rollback.",
        )
    return OnConflict.REPLACE


def _plan(session: Session, reference: str, flags: dict[str, Any]) -> int:
    _, task, cluster = _open(session, reference, flags)
    from holdfast.operations.restore.run import show_plan  # noqa: PLC0415

    view = show_plan(task, cluster, session.cancel, session.progress)
    return present_plan(session, view, with_reasons=bool(flags["workloads"]), all_fields=flags["all_fields"])


command.add_command(restore_files)
command.add_command(undo)


@command.command("list", cls=VerbCommand)
@click.pass_obj
def list_restores(session: Session) -> None:
    """List the restores that were run from this repository, those that were cut off too; newest last."""
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.restore.listing import list_restores as listed  # noqa: PLC0415

    rows = listed(read_catalog(session.open_repository()))
    if show_document(session, rows):
        return
    if not rows:
        say(session, "Nothing was restored from this repository yet.")
        return
    table = [
        (
            row.id,
            f"undo of {row.undoes}" if row.undoes else row.name,
            row.outcome,
            local_time(dt.datetime.fromisoformat(row.time)),
            row.cluster or "-",
        )
        for row in rows
    ]
    show_table(session, ("ID", "BACKUP", "OUTCOME", "TIME", "CLUSTER"), table)


@command.command("show", cls=VerbCommand)
@click.argument("reference", metavar="RESTORE")
@click.option("--log", is_flag=True, help="Print the run's log.")
@click.pass_obj
def show(session: Session, reference: str, log: bool) -> None:
    """Show what a restore did to each object. RESTORE is the start of its id, or `latest`."""
    from holdfast.operations.restore.report import read_report  # noqa: PLC0415

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
            *([("Takes back", report.undoes)] if report.undoes else ()),
            ("Safety point", report.safety_point[:8] or "-"),
            ("Namespaces", ", ".join(f"{old} as {new}" for old, new in report.namespaces.items()) or "unchanged"),
        ],
    )
    click.echo()
    show_objects(session, report.objects)
    if report.volumes:
        click.echo()
        show_volumes(session, report.volumes)
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
