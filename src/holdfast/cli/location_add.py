"""`holdfast location add`: a repository gets a name in a cluster, and its credentials a Secret."""

from __future__ import annotations

import dataclasses
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand, is_interactive
from holdfast.cli.output import say, show_document
from holdfast.errors import RepositoryExists, UsageError

if TYPE_CHECKING:  # see main
    from holdfast.cluster.cluster import Cluster
    from holdfast.operations.locations import LocationName
    from holdfast.operations.new_location import PlannedLocation

_HIDDEN = "<hidden>"


@click.command("add", cls=VerbCommand)
@click.argument("name", metavar="NAMESPACE/NAME")
@click.option("--url", default="", metavar="URL", help="The repository's URL, as of --repository.")
@click.option("--generate-password", is_flag=True, help="Make a password instead of reading one.")
@click.option(
    "--password-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the password that was made to a new file that only you may read; else it is shown once.",
)
@click.option("--credentials-from-env", is_flag=True, help="Take the store's credentials from the environment.")
@click.option(
    "--credential",
    "credential_files",
    multiple=True,
    metavar="KEY=FILE",
    help="A variable of the store's credentials, with the content of FILE. Repeatable.",
)
@click.option("--secret", default="", metavar="NAME", help="Use this Secret, which exists, and write none.")
@click.option("--maintenance", is_flag=True, help="Forget daily, prune and check weekly.")
@click.option("--maintenance-secret", default="", metavar="NAME", help="Secret with credentials that may delete.")
@click.option("--maintenance-time-zone", default="", metavar="ZONE", help="Of its schedules, as Europe/Berlin.")
@click.option("--forget-schedule", default="", metavar="CRON", help="When backups are forgotten. Default: daily.")
@click.option("--prune-schedule", default="", metavar="CRON", help="When it is pruned. Default: weekly.")
@click.option("--check-schedule", default="", metavar="CRON", help="When it is checked. Default: weekly.")
@click.option("--init", "initialize", is_flag=True, help="Create the repository if there is none.")
@click.option("--update", is_flag=True, help="Change a location that exists; what is not given stays.")
@click.option("--dry-run", is_flag=True, help="Ask the API server whether it would take it; change nothing.")
@click.option("--show-secrets", is_flag=True, help="Print the Secret's values with -o yaml and -o json.")
@click.pass_obj
def add_location(session: Session, /, name: str, **flags: Any) -> None:
    """Give a repository a name in the cluster, with a Secret for its password and the store's credentials.

    \b
    holdfast location add shop/main --url s3:https://s3.example.com/backups/shop --credentials-from-env \\
        --generate-password --password-out main.password --init
    holdfast location add shop/main --url s3:https://s3.example.com/backups/shop --secret main -o yaml --dry-run
    """
    from holdfast.operations.locations import LocationName  # noqa: PLC0415
    from holdfast.operations.new_location import NewLocation, plan_location  # noqa: PLC0415

    location = LocationName.parse(name)
    wanted = _Wanted(**flags)
    _refuse_contradictions(session, wanted)
    cluster = session.connect()
    url = wanted.url or _known_url(cluster, location)
    credentials = _credentials(session, wanted, url)
    new = NewLocation(
        name=location,
        url=url,
        credentials=credentials,
        secret=wanted.secret,
        maintenance=_maintenance(wanted),
        update=wanted.update,
    )
    planned = plan_location(cluster, new)
    planned.apply(cluster, dry_run=True)
    if not wanted.dry_run:
        if wanted.generate_password:
            _hand_over(credentials["password"].decode(), wanted.password_out)
        if wanted.initialize:
            _initialize(session, planned)
        planned.apply(cluster)
    if not show_document(session, _document(planned, show_secrets=wanted.show_secrets)):
        done = "Would store" if wanted.dry_run else "Stored"
        click.echo(f"{done} the location {location}: {planned.location['spec']['url']}")
        _tell_secret(location, planned)
    if not wanted.dry_run and "password" in credentials:
        say(session, "Keep the password in a safe place outside the cluster: without it nobody can read the backups.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The flags."""

    url: str
    generate_password: bool
    password_out: Path | None
    credentials_from_env: bool
    credential_files: tuple[str, ...]
    secret: str
    maintenance: bool
    maintenance_secret: str
    maintenance_time_zone: str
    forget_schedule: str
    prune_schedule: str
    check_schedule: str
    initialize: bool
    update: bool
    dry_run: bool
    show_secrets: bool


def _refuse_contradictions(session: Session, wanted: _Wanted) -> None:
    made = wanted.generate_password
    if wanted.secret and (made or wanted.credentials_from_env or wanted.credential_files):
        raise UsageError(
            "the credentials are given twice",
            why="--secret names a Secret that has them, and stays as it is",
            next="Leave out --secret, or the others.",
        )
    if made and "password_file" in session.typed:
        raise UsageError(
            "the password is given twice", why="--generate-password makes one", next="Leave out one of the two."
        )
    if wanted.password_out is not None and not made:
        raise UsageError("no password is made", why="--password-out needs one", next="Add --generate-password.")
    if made and wanted.update:
        raise UsageError(
            "the password cannot be changed here",
            why="the new one would not open the repository",
            next="Add one with `holdfast repository key add`, then give it with --password-file.",
        )
    if made and not wanted.dry_run and wanted.password_out is None and not is_interactive():
        raise UsageError(
            "there is no place for the password",
            why="it would be shown once, and there is no terminal; logs keep what they see",
            next="Give --password-out FILE.",
        )


def _known_url(cluster: Cluster, name: LocationName) -> str:
    from holdfast.operations.locations import find_location  # noqa: PLC0415

    location = find_location(cluster, name)
    return location.spec.url if location is not None else ""


def _credentials(session: Session, wanted: _Wanted, url: str) -> dict[str, bytes]:
    """What is given for the Secret."""
    from holdfast.operations.credentials import Credentials  # noqa: PLC0415
    from holdfast.operations.new_location import credentials_from_environment  # noqa: PLC0415
    from holdfast.operations.store_variables import read_credential  # noqa: PLC0415

    if wanted.secret:
        return {}
    settings = session.settings
    found: dict[str, bytes] = {}
    if wanted.credentials_from_env and url:
        found |= credentials_from_environment(url, settings.environ)
    for text in wanted.credential_files:
        key, equals, file = text.partition("=")
        if not (key and equals and file):
            raise UsageError(
                "--credential cannot be understood",
                why="it must be KEY=FILE",
                next="AWS_ACCESS_KEY_ID=key-id.txt, say.",
            )
        found[key] = read_credential(Path(file))
    if settings.store_cacert is not None:
        found["ca.crt"] = read_credential(settings.store_cacert)
    if password := _password(session, wanted):
        found["password"] = password.encode()
    Credentials.of(found, "the command line")  # refuses names that make no sense
    return found


def _password(session: Session, wanted: _Wanted) -> str:
    """Made, read, or asked for; "" if the one that the Secret has stays."""
    from holdfast import assembly  # noqa: PLC0415

    if wanted.generate_password:
        return secrets.token_urlsafe(32)
    if wanted.update and "password_file" not in session.typed:  # one from the environment may be another repository's
        return ""
    settings = session.settings
    if settings.password_file is not None or settings.environ.get("HOLDFAST_PASSWORD"):
        return assembly.read_password(settings)
    if is_interactive():
        return assembly.ask_password("Repository password: ", confirm=wanted.initialize)
    return ""


def _maintenance(wanted: _Wanted) -> dict[str, Any] | None:
    """The fields that are given; None if nobody asked for maintenance."""
    given = {
        "secret": wanted.maintenance_secret,
        "timeZone": wanted.maintenance_time_zone,
        "forgetSchedule": wanted.forget_schedule,
        "prune": {"schedule": wanted.prune_schedule} if wanted.prune_schedule else None,
        "check": {"schedule": wanted.check_schedule} if wanted.check_schedule else None,
    }
    found = {name: value for name, value in given.items() if value}
    return found if found or wanted.maintenance else None


def _hand_over(password: str, path: Path | None) -> None:
    """Before anything is stored: a password that nobody has is the end of all backups under it."""
    if path is None:
        click.echo(f"The password, shown this once: {password}", err=True)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(f"{password}\n")
    except OSError as error:
        raise UsageError(
            f"the password cannot be written to {path}",
            why=error.strerror or "",
            next="Name a new file in a directory where you may write. Nothing was stored.",
        ) from error


def _initialize(session: Session, planned: PlannedLocation) -> None:
    from holdfast import assembly  # noqa: PLC0415
    from holdfast.operations.credentials import Credentials  # noqa: PLC0415

    settings = dataclasses.replace(
        session.settings,
        repository=planned.location["spec"]["url"],
        password_file=None,
        store_cacert=None,
        credentials=Credentials.of(planned.data, "the location's Secret"),
    )
    try:
        repository = assembly.init_repository(settings, session.cancel)
        say(session, f"Created repository {repository.config.id[:8]} at {repository.store.url}")
    except RepositoryExists:
        repository = assembly.open_repository(settings, session.cancel)
        say(
            session,
            f"The repository {repository.config.id[:8]} at {repository.store.url} exists, and the password opens it",
        )
    repository.close()


def _document(planned: PlannedLocation, *, show_secrets: bool) -> dict[str, Any]:
    """A list that `kubectl apply` takes, if it has the values."""
    items = [planned.location]
    if planned.secret is not None:
        shown = planned.secret["data"] if show_secrets else dict.fromkeys(planned.secret["data"], _HIDDEN)
        items.insert(0, {**planned.secret, "data": shown})
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _tell_secret(location: LocationName, planned: PlannedLocation) -> None:
    secret = planned.location["spec"]["secret"]
    if planned.secret is None:
        click.echo(f"Its credentials are in the Secret {location.namespace}/{secret}, which was not changed")
    else:
        click.echo(
            f"Its credentials are in the Secret {location.namespace}/{secret}: {', '.join(sorted(planned.data))}"
        )
