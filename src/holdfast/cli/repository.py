"""`holdfast repository`: the place where backups live, and its keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.check import check
from holdfast.cli.context import Session, VerbCommand, is_interactive
from holdfast.cli.errors import show_problem
from holdfast.cli.output import local_time, say, show_document, show_facts, show_table
from holdfast.cli.progress_text import format_size
from holdfast.cli.prune import prune
from holdfast.cli.repair import repair
from holdfast.errors import DamagedData, UsageError

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.api.run_status import RunStatus
    from holdfast.operations.repository_facts import LastCheck, RepositoryFacts


@click.group("repository", short_help="Create, show, check and unlock the place where backups live; its keys.")
def command() -> None:
    """The encrypted, deduplicating place where backups live. restic reads and writes it too."""


command.add_command(repair)


@command.command("init", cls=VerbCommand)
@click.pass_obj
def init(session: Session) -> None:
    """Create a repository. Keep its password: without it nothing can be read, by nobody."""
    from holdfast import assembly  # noqa: PLC0415

    repository = assembly.init_repository(session.repository_settings(), session.cancel)
    made = {"id": repository.config.id, "url": repository.store.url, "version": repository.config.version}
    if not show_document(session, made):
        click.echo(f"Created repository {repository.config.id[:8]} at {repository.store.url}")
        say(session, "Keep its password in a safe place outside the cluster: without it nobody can read the backups.")


@command.command("show", cls=VerbCommand)
@click.pass_obj
def show(session: Session) -> None:
    """Show what is in the repository and how much room it takes."""
    from holdfast.operations.repository_facts import read_facts  # noqa: PLC0415

    facts = read_facts(session.open_repository())
    session.result = _result(facts)
    if show_document(session, facts):
        return
    ratio = f" ({facts.content_bytes / facts.stored_bytes:.1f} times smaller)" if facts.stored_bytes else ""
    show_facts(
        session,
        [
            ("URL", facts.url),
            ("ID", facts.id),
            ("Format", f"restic repository, version {facts.version}"),
            ("Backups", f"{facts.backups:,}"),
            ("Snapshots", f"{facts.snapshots:,} (backups, reports and other programs' snapshots)"),
            ("Blobs", f"{facts.blobs:,} in {facts.packs:,} packs"),
            ("Content", format_size(facts.content_bytes)),
            ("Stored", format_size(facts.stored_bytes) + ratio),
            ("Keys", str(facts.keys)),
            ("Locks", str(facts.locks)),
            ("Data checked", _last_check(facts.last_check)),
        ],
    )
    for problem in facts.problems:
        show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Warning")


def _result(facts: RepositoryFacts) -> RunStatus:
    """What is told in a result file."""
    from holdfast.api.run_status import RunStatus  # noqa: PLC0415

    return RunStatus(
        id=facts.id,
        counts={name: getattr(facts, name) for name in ("backups", "snapshots", "packs", "blobs", "keys", "locks")},
        bytes={"content": facts.content_bytes, "stored": facts.stored_bytes},
    )


def _last_check(last: LastCheck | None) -> str:
    from holdfast.repository.snapshot import parse_time  # noqa: PLC0415

    if last is None:
        return "never, as far as is known here"
    found = "no errors were found" if last.outcome == "done" else "errors were found"
    return f"{local_time(parse_time(last.time))}, {'all of it' if last.level == 'all' else 'a sample'}: {found}"


command.add_command(check)


@command.command("unlock", cls=VerbCommand)
@click.option(
    "--all", "all_locks", is_flag=True, help="Also locks that look alive. Only if you know that nothing is running."
)
@click.pass_obj
def unlock(session: Session, all_locks: bool) -> None:
    """Remove locks that dead processes left behind."""
    from holdfast.repository.lock_file import remove_stale_locks  # noqa: PLC0415

    repository = session.open_repository()
    removed = remove_stale_locks(repository.store, repository.key, repository.clock, all_locks=all_locks)
    if not show_document(session, {"removed": [{"id": lock.id.hex(), "lock": lock.describe()} for lock in removed]}):
        for lock in removed:
            click.echo(f"removed {lock.id.short}: held {lock.describe()}")
        click.echo(f"{len(removed)} locks removed")


command.add_command(prune)


@command.group("key")
def key() -> None:
    """Passwords: each key file lets one open the repository."""


@key.command("list", cls=VerbCommand)
@click.pass_obj
def key_list(session: Session) -> None:
    """List the repository's keys; the one in use is marked."""
    from holdfast.repository.keys import list_keys  # noqa: PLC0415
    from holdfast.repository.snapshot import parse_time  # noqa: PLC0415

    repository = session.open_repository()
    document = []
    for key_id, file in list_keys(repository.store):
        if isinstance(file, DamagedData):
            show_problem(session, file.what, file.why, file.next, style="red", word="Damage")
            username = hostname = created = ""
        else:
            username, hostname, created = file.username, file.hostname, file.created
        document.append(
            {
                "id": key_id.hex(),
                "current": key_id == repository.key_id,
                "username": username,
                "hostname": hostname,
                "created": created,
                "damaged": isinstance(file, DamagedData),
            }
        )
    if not show_document(session, document):
        rows = [
            (
                f"{'*' if entry['current'] else ' '}{entry['id']:.8}",
                str(entry["username"]) or "-",
                str(entry["hostname"]) or "-",
                "damaged" if entry["damaged"] else local_time(parse_time(str(entry["created"]))),
            )
            for entry in document
        ]
        show_table(session, ("ID", "USER", "HOST", "CREATED"), rows)


@key.command("add", cls=VerbCommand)
@click.option(
    "--new-password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the new password; else it is asked for.",
)
@click.pass_obj
def key_add(session: Session, new_password_file: Path | None) -> None:
    """Add a password that opens the repository."""
    from holdfast import assembly  # noqa: PLC0415
    from holdfast.repository import keys  # noqa: PLC0415
    from holdfast.repository.lock_file import own_hostname, own_username  # noqa: PLC0415

    if new_password_file is None and not is_interactive():
        raise UsageError(
            "no new password is given", why="there is no terminal to ask at", next="Give --new-password-file."
        )
    repository = session.open_repository()
    if new_password_file is not None:
        password = assembly.read_password_file(new_password_file)
    else:
        password = assembly.ask_password("New password: ", confirm=True)
    key_id = keys.add_key(
        repository.store,
        repository.key,
        password,
        username=own_username(),
        hostname=own_hostname(),
        now=repository.clock.now(),
    )
    if not show_document(session, {"id": key_id.hex()}):
        click.echo(f"Added key {key_id.short}")


@key.command("remove", cls=VerbCommand)
@click.argument("key_id", metavar="ID")
@click.pass_obj
def key_remove(session: Session, key_id: str) -> None:
    """Remove the key whose id starts with ID. Neither the last one nor the one in use can be removed."""
    from holdfast.repository import keys  # noqa: PLC0415

    repository = session.open_repository()
    found = [candidate for candidate, _ in keys.list_keys(repository.store) if candidate.hex().startswith(key_id)]
    if len(found) != 1:
        raise UsageError(
            f"{key_id} names {len(found)} keys",
            why="it must be the start of one id",
            next="See `holdfast repository key list`.",
        )
    if found[0] == repository.key_id:
        raise UsageError("this key is in use", why="it belongs to the password given", next="Use another password.")
    keys.remove_key(repository.store, found[0])
    if not show_document(session, {"id": found[0].hex()}):
        click.echo(f"Removed key {found[0].short}")
