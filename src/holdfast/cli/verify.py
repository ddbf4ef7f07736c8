"""`holdfast backup verify`: could this backup be restored?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.latest import find_backup, latest_options, parse_latest
from holdfast.cli.output import counted, say, show_document, show_table
from holdfast.cli.progress_text import format_size
from holdfast.cli.selection import EVERYTHING, make_selection, selection_options
from holdfast.errors import UsageError
from holdfast.model.verification import Proof

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.model.verification import VerifyRun

_MOST_PROBLEMS = 40


@click.command("verify", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@selection_options
@click.option("--offline", is_flag=True, help="Ask no cluster: only read and decode every object.")
@click.option(
    "--scratch-namespace",
    default="",
    metavar="NAME",
    help="Try objects of namespaces that do not exist in this one; if it does not exist either, it is made and removed.",
)
@latest_options
@click.pass_obj
def verify(session: Session, /, reference: str, offline: bool, scratch_namespace: str, **flags: Any) -> int:
    """Prove that a backup of an application can be restored, object by object, and change nothing.

    \b
    holdfast backup verify latest
    holdfast backup verify latest -n shop --scratch-namespace verify-shop
    holdfast backup verify latest --offline
    """
    if offline and scratch_namespace:
        raise UsageError("--offline and --scratch-namespace contradict each other", why="offline no cluster is asked")
    selection = make_selection(flags, default=EVERYTHING)
    wanted = parse_latest(session, reference, flags, selection.namespaces)
    if offline:
        cluster, repository = None, session.open_repository("holdfast.operations.verify_backup")
    else:
        cluster, repository = session.connect_and_open("holdfast.operations.verify_backup")
    from holdfast.operations.restore.opening import open_backup  # noqa: PLC0415
    from holdfast.operations.verify_backup import VerifyOptions, verify_backup  # noqa: PLC0415

    backup = open_backup(repository, find_backup(repository, reference, wanted))
    options = VerifyOptions(selection=selection, whole=selection == EVERYTHING, scratch=scratch_namespace)
    run = verify_backup(repository, backup, cluster, options, session.cancel, session.progress)
    session.tell(run)
    if not show_document(session, run):
        _show(session, run)
    return run.outcome.exit_code


def _show(session: Session, run: VerifyRun) -> None:
    proofs = [proof for proof in Proof if run.counts.get(proof)]
    by_kind: dict[str, Counter[Proof]] = {}
    for one in run.objects:
        by_kind.setdefault(one.kind, Counter())[one.proof] += 1
    rows = [(kind, *(f"{counts[proof]:,}" for proof in proofs)) for kind, counts in sorted(by_kind.items())]
    columns = ["KIND", *(proof.value.upper() for proof in proofs)]
    show_table(session, columns, rows, right=columns[1:])
    unchecked = [one for one in run.objects if one.proof is Proof.UNCHECKED]
    if unchecked:
        click.echo()
        shown = [(one.kind, one.namespace or "-", one.name, one.why) for one in unchecked[:_MOST_PROBLEMS]]
        show_table(session, ("UNCHECKED", "NAMESPACE", "NAME", "WHY"), shown)
        if len(unchecked) > _MOST_PROBLEMS:
            click.echo(f"… and {len(unchecked) - _MOST_PROBLEMS:,} more")
    if run.data:
        click.echo()
        found = [(one.path, one.proof.value, f"{one.files:,}", format_size(one.bytes)) for one in run.data]
        show_table(session, ("DATA", "PROOF", "FILES", "SIZE"), found, right=("FILES", "SIZE"))
    for problem in run.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Failed")
    for note in run.notes:
        say(session, f"Note: {note}")
    click.echo()
    counts = ", ".join(f"{run.counts[proof]:,} {proof.value}" for proof in proofs)
    word = "is done" if run.outcome == "done" else "is PARTIAL"
    click.echo(f"Verification {run.id} of {run.name} {word}: {counted(len(run.objects), 'object')}: {counts}")
