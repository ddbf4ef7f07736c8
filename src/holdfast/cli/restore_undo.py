"""`holdfast restore undo`: taking a restore back."""

from __future__ import annotations

import click

from holdfast.cli.approval import approval
from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.restore_views import present_plan, show_report


@click.command("undo", cls=VerbCommand)
@click.argument("reference", metavar="[RESTORE]", default="latest")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option(
    "--delete-data",
    is_flag=True,
    help="Delete also claims, volumes, definitions and namespaces that the restore created, with the data in them.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before objects are changed or deleted.")
@click.pass_obj
def undo(session: Session, reference: str, dry_run: bool, delete_data: bool, yes: bool) -> int:
    """Bring back the state before a restore. RESTORE is the start of its id, or `latest`.

    What the restore changed or deleted comes back from its safety point, and what it created is deleted. An undo can be undone.
    """
    cluster, repository = session.connect_and_open("holdfast.operations.restore.undo")
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.restore.run import restore, show_plan  # noqa: PLC0415
    from holdfast.operations.restore.undo import Undo, find_undoable  # noqa: PLC0415

    catalog = read_catalog(repository)
    undoable = find_undoable(repository, catalog, reference)
    task = Undo(repository, catalog, undoable, cluster, delete_data=delete_data)
    if dry_run:
        return present_plan(session, show_plan(task, cluster, session.cancel, session.progress))
    report = restore(repository, task, cluster, session.cancel, session.progress, approval(session, yes=yes))
    session.tell(report)
    show_report(session, report)
    return report.outcome.exit_code
