"""`holdfast backup browse` and `holdfast backup cat`: looking into a backup."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.long_output import LongDocument, show_long_table
from holdfast.cli.output import local_time, on_one_line, printable, show_document
from holdfast.cli.progress_text import format_size
from holdfast.errors import DamagedData, UsageError

if TYPE_CHECKING:  # see main
    from holdfast.repository.contents import FoundNode
    from holdfast.repository.tree import Node


@click.command("browse", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@click.argument("path", default="/")
@click.option("-R", "--recursive", is_flag=True, help="Everything below PATH.")
@click.option("-l", "--long", is_flag=True, help="Mode, owner, size in bytes and local time too, as `ls -l`.")
@click.pass_obj
def browse(session: Session, /, reference: str, path: str, *, recursive: bool, long: bool) -> int:
    """List what a backup holds at PATH, as directories and files.

    \b
    holdfast backup browse latest /srv/data
    holdfast backup browse latest /srv/data -R -l
    """
    from holdfast.operations.backup_details import open_contents  # noqa: PLC0415

    contents = open_contents(session.open_repository(), reference)
    damaged: list[DamagedData] = []
    found = _intact(session, contents.walk(path) if recursive else contents.iter_entries(path), damaged)
    if session.output != "table":
        with LongDocument(session) as document:
            for one in found:
                document.add(_document(one))
    elif long:
        columns = ("MODE", "OWNER", "GROUP", "SIZE", "TIME", "PATH")
        show_long_table(session, columns, map(_long_row, found), right=("SIZE",))
    else:
        show_long_table(session, ("TYPE", "SIZE", "TIME", "PATH"), map(_row, found), right=("SIZE",))
    for error in damaged:
        show_problem(session, error.what, error.why, error.next, style="red", word="Damage")
    return 3 if damaged else 0


def _intact(
    session: Session, found: Iterable[FoundNode | DamagedData], damaged: list[DamagedData]
) -> Iterator[FoundNode]:
    for one in found:
        session.cancel.check()
        if isinstance(one, DamagedData):
            damaged.append(one)
        else:
            yield one


def _row(found: FoundNode) -> Sequence[str]:
    node = found.node
    size = format_size(node.size) if node.type == "file" else "-"
    return (node.type.value, size, node.mtime, on_one_line(found.path))


def _long_row(found: FoundNode) -> Sequence[str]:
    node, target = found.node, _target(found.node)
    path = f"{found.path} -> {target}" if target else found.path
    owner, group = node.user or str(node.uid), node.group or str(node.gid)
    return (_mode(node), owner, group, _size(node), _time(node), on_one_line(path))


def _document(found: FoundNode) -> dict[str, Any]:
    node = found.node
    return {
        "path": printable(found.path),
        "type": node.type.value,
        "size": node.size,
        "time": node.mtime,
        "mode": _mode(node),
        "uid": node.uid,
        "gid": node.gid,
        "user": node.user,
        "group": node.group,
        "target": printable(_target(node)),
    }


def _mode(node: Node) -> str:
    from holdfast.operations.nodes import posix_mode  # noqa: PLC0415

    return stat.filemode(posix_mode(node))


def _target(node: Node) -> str:
    from holdfast.operations.nodes import link_target  # noqa: PLC0415

    return os.fsdecode(link_target(node))


def _size(node: Node) -> str:
    match node.type:
        case "file":
            return str(node.size)
        case "dev" | "chardev":
            return f"{os.major(node.device)}, {os.minor(node.device)}"
        case _:
            return "-"


def _time(node: Node) -> str:
    from holdfast.repository.snapshot import parse_time  # noqa: PLC0415

    try:
        return local_time(parse_time(node.mtime))
    except (DamagedData, OverflowError):  # the second: in the year 1 or 9999
        return node.mtime


@click.command("cat", cls=VerbCommand)
@click.argument("reference", metavar="BACKUP")
@click.argument("what", metavar="OBJECT|PATH")
@click.pass_obj
def cat(session: Session, reference: str, what: str) -> None:
    """Print one file of a backup, or an object named as kind/namespace/name. Secrets are printed too.

    \b
    holdfast backup cat latest deployment/shop/web -o yaml
    holdfast backup cat latest /srv/data/disk.img > disk.img
    """
    from holdfast.operations.backup_details import open_contents, open_named  # noqa: PLC0415

    content = open_named(open_contents(session.open_repository(), reference), what)
    if session.output == "table":
        session.progress.pause()
        _write(session, content)
        return
    text = b"".join(content)
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"{what} cannot be shown as {session.output}", why=str(error), next="Leave -o out.") from error
    show_document(session, msgspec.Raw(text))


def _write(session: Session, content: Iterable[bytes]) -> None:
    """Byte for byte, blob by blob; only at a terminal the prompt gets a line of its own."""
    last = b"\n"
    for part in content:
        session.cancel.check()
        sys.stdout.buffer.write(part)
        last = part
    if sys.stdout.isatty() and not last.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
