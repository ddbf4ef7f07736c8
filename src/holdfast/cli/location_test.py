"""`holdfast location test`: whether a repository can be reached and opened, how fast it is, and what the credentials allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.output import say, show_document, show_facts, show_table
from holdfast.cli.progress_text import format_size
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.operations.location_report import LocationReport
    from holdfast.store.access import Keeping

_RIGHTS = (
    ("read", "read files"),
    ("list", "list files"),
    ("write", "add packs, indexes and snapshots"),
    ("delete", "delete packs, indexes and snapshots"),
    ("write_locks", "write under locks/"),
    ("overwrite_locks", "write over files under locks/"),
    ("delete_locks", "delete under locks/"),
)
_WORDS = {True: "yes", False: "no", None: "unknown"}


@click.command("test", cls=VerbCommand)
@click.argument("name", metavar="[NAMESPACE/NAME]", required=False)
@click.option(
    "--speed/--no-speed",
    default=None,
    help="Measure how fast files go up and down. By default only where nothing is kept of what is deleted.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 600),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a store may not answer.",
)
@click.pass_obj
def test_location(session: Session, name: str | None, speed: bool | None, patience: float) -> int:
    """Try a location of the cluster, or the repository that --repository names. Leaves nothing behind.

    \b
    holdfast location test shop/main
    holdfast location test -r s3:https://s3.example.com/backups --password-file password
    """
    from holdfast.assembly import TriedPlace  # noqa: PLC0415
    from holdfast.operations.location_probe import probe_location  # noqa: PLC0415

    if name:
        _choose(session, name)
    place = TriedPlace(session.repository_settings(), session.cancel, patience)
    report = probe_location(place, speed=speed, patience=patience)
    session.result = report.run_status()
    if not show_document(session, report):
        _show(session, report)
    for problem in report.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="red", word="Error")
    return report.exit_code


def _choose(session: Session, name: str) -> None:
    for option in ("location", "repository"):
        if option in session.typed:
            raise UsageError(
                "the location is named twice",
                why=f"NAMESPACE/NAME and --{option} both name a repository",
                next="Give one of the two.",
            )
    session.use_location(name)


def _show(session: Session, report: LocationReport) -> None:
    speed = report.speed
    facts = [
        ("URL", report.url),
        ("Repository", report.repository or "-"),
        ("Backups", _count(report.backups)),
        ("Snapshots", _count(report.snapshots)),
        ("Stored", format_size(report.stored_bytes) if report.stored_bytes is not None else "-"),
        ("Answers within", f"{report.latency * 1000:.1f} ms" if report.latency is not None else "-"),
        ("Upload", f"{format_size(speed.upload_bytes_per_second)}/s" if speed else "not measured"),
        ("Download", f"{format_size(speed.download_bytes_per_second)}/s" if speed else "not measured"),
        ("Versions", _keeping(report.versioning)),
        ("Object lock", _keeping(report.object_lock)),
    ]
    show_facts(session, facts)
    click.echo()
    rights = [(text, _WORDS[getattr(report.rights, field)]) for field, text in _RIGHTS]
    show_table(session, ("THE CREDENTIALS MAY", ""), rights)
    click.echo()
    suited = report.suited_for
    rows = [
        ("restores", _WORDS[suited.restores]),
        ("backups", _WORDS[suited.backups]),
        ("maintenance: forget, prune, repair", _WORDS[suited.maintenance]),
    ]
    show_table(session, ("SUITED FOR", ""), rows)
    for note in report.notes:
        say(session, note)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _keeping(keeping: Keeping) -> str:
    return f"{keeping.state} ({keeping.detail})" if keeping.detail else keeping.state
