"""`holdfast location`: repositories that a cluster knows by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand, confirm, is_interactive
from holdfast.cli.location_add import add_location
from holdfast.cli.location_test import test_location
from holdfast.cli.output import counted, say, show_document, show_facts, show_table
from holdfast.cli.progress_text import format_size
from holdfast.errors import HoldfastError, UsageError

if TYPE_CHECKING:  # see main
    from holdfast.api.conditions import Condition
    from holdfast.api.storage_location import Maintenance, StorageLocation
    from holdfast.operations.location_statistics import Statistics
    from holdfast.operations.locations import LocationName

_PATIENCE = 10.0  # seconds that `show` waits for a repository


@click.group("location", short_help="Store, list and try repositories that a cluster knows by name.")
def command() -> None:
    """Locations: a StorageLocation names a repository in a cluster, and the Secret with its credentials."""


command.add_command(add_location)
command.add_command(test_location)


@command.command("list", cls=VerbCommand)
@click.option("-n", "--namespace", metavar="NAME", help="Only those of one namespace.")
@click.pass_obj
def list_locations(session: Session, namespace: str | None) -> None:
    """List the locations that the cluster knows."""
    from holdfast.operations import locations  # noqa: PLC0415

    found = locations.list_locations(session.connect(), namespace)
    if show_document(session, [_document(location) for location in found]):
        return
    rows = [
        (
            location.metadata.full_name,
            location.spec.url,
            _ready(location),
            f"{location.status.backups:,}" if location.status.last_checked else "-",
            format_size(location.status.stored_bytes) if location.status.last_checked else "-",
            location.status.last_checked or "-",
        )
        for location in found
    ]
    if not rows:
        say(session, "There are no locations. Make one with `holdfast location add`.")
        return
    show_table(session, ("NAME", "URL", "READY", "BACKUPS", "STORED", "LAST TRIED"), rows, right=("BACKUPS", "STORED"))


@command.command("show", cls=VerbCommand)
@click.argument("name", metavar="NAMESPACE/NAME")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show a location, the plans that use it, and what is in its repository if that can be reached."""
    from holdfast.operations import locations  # noqa: PLC0415

    cluster = session.connect()
    parsed = locations.LocationName.parse(name)
    location = locations.read_location(cluster, parsed)
    plans = locations.plans_of(cluster, parsed)
    repository = _look(session, parsed)
    document = _document(location) | {"plans": plans, "repository": _repository_document(repository)}
    if show_document(session, document):
        return
    show_facts(
        session,
        [
            ("Name", location.metadata.full_name),
            ("URL", location.spec.url),
            ("Secret", location.spec.secret),
            ("Maintenance", _maintenance(location.spec.maintenance)),
            ("Plans", ", ".join(plans) or "-"),
            *((condition.type, _condition(condition)) for condition in location.status.conditions),
            *_repository_facts(repository),
        ],
    )


@command.command("remove", cls=VerbCommand)
@click.argument("name", metavar="NAMESPACE/NAME")
@click.option("-y", "--yes", is_flag=True, help="Also if plans use it; do not ask.")
@click.pass_obj
def remove(session: Session, name: str, yes: bool) -> None:
    """Remove a location from the cluster. Its Secret and all backups stay."""
    from holdfast.operations import locations  # noqa: PLC0415

    cluster = session.connect()
    parsed = locations.LocationName.parse(name)
    location = locations.read_location(cluster, parsed)
    plans = locations.plans_of(cluster, parsed)
    if plans and not yes:
        used = f"{counted(len(plans), 'plan')} of {parsed.namespace} ({', '.join(plans)})"
        if not is_interactive():
            raise UsageError(
                f"the location {parsed} is in use",
                why=f"{used} would fail from now on",
                next="Change or delete them first, or give --yes.",
            )
        confirm(f"{used} would fail from now on. Remove {parsed} all the same?")
    locations.remove_location(cluster, parsed)
    secret = f"{parsed.namespace}/{location.spec.secret}"
    if not show_document(session, {"removed": str(parsed), "url": location.spec.url, "secret": secret, "plans": plans}):
        click.echo(f"Removed the location {parsed}")
        say(session, f"The backups at {location.spec.url} and the Secret {secret} stay.")


def _document(location: StorageLocation) -> dict[str, Any]:
    return {
        "namespace": location.metadata.namespace,
        "name": location.metadata.name,
        "url": location.spec.url,
        "secret": location.spec.secret,
        "maintenance": location.spec.maintenance,
        "status": location.status,
    }


def _look(session: Session, name: LocationName) -> Statistics | HoldfastError:
    """What is in its repository, or why nobody knows."""
    from holdfast import assembly  # noqa: PLC0415
    from holdfast.operations.location_statistics import read_statistics  # noqa: PLC0415

    try:
        settings = assembly.settings_of_location(session.settings, session.connect(), name)
        place = assembly.TriedPlace(settings, session.cancel, _PATIENCE)
        return read_statistics(place, patience=_PATIENCE)
    except HoldfastError as error:
        return error


def _repository_document(found: Statistics | HoldfastError) -> Any:
    if isinstance(found, HoldfastError):
        return {"error": {"what": found.what, "why": found.why, "next": found.next}}
    return found


def _repository_facts(found: Statistics | HoldfastError) -> list[tuple[str, str]]:
    if isinstance(found, HoldfastError):
        return [("Repository", f"cannot be looked into: {found}")]
    return [
        ("Repository", found.id),
        ("Backups", "too many to count" if found.backups is None else f"{found.backups:,}"),
        ("Snapshots", f"{found.snapshots:,}"),
        ("Stored", format_size(found.stored_bytes)),
    ]


def _maintenance(maintenance: Maintenance | None) -> str:
    if maintenance is None:
        return "none: nobody forgets, prunes or checks by schedule"
    runs = [f"forget {maintenance.forget_schedule}"]
    runs += [f"prune {maintenance.prune.schedule}"] if maintenance.prune else []
    runs += [f"check {maintenance.check.schedule}"] if maintenance.check else []
    secret = f", with the Secret {maintenance.secret}" if maintenance.secret else ""
    return f"{', '.join(runs)} ({maintenance.time_zone}){secret}"


def _ready(location: StorageLocation) -> str:
    from holdfast.api.conditions import ConditionType, find  # noqa: PLC0415

    ready = find(location.status.conditions, ConditionType.READY)
    if ready is None:
        return "not tried yet"
    return "yes" if ready.status == "True" else f"no: {ready.reason}"


def _condition(condition: Condition) -> str:
    return (
        f"{condition.status} ({condition.reason}) since {condition.last_transition_time} {condition.message}".rstrip()
    )
