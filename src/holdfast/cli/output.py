"""Results on standard output: tables for people, one JSON or YAML document for scripts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec

from holdfast.cli.context import Session


def show_document(session: Session, value: Any) -> bool:
    """Prints `value` as JSON or YAML if the user asked for one; False means that a table is wanted."""
    session.progress.pause()  # the table or text that follows needs the room, too
    if session.output == "table":
        return False
    encoded = msgspec.json.encode(value)
    if session.output == "json":
        click.echo(msgspec.json.format(encoded, indent=2).decode())
    else:
        click.echo(to_yaml(encoded), nl=False)
    return True


def to_yaml(encoded: bytes) -> str:
    """JSON → YAML, keys in their order."""
    import yaml  # noqa: PLC0415 - only who wants YAML waits for it

    text: str = yaml.dump(msgspec.json.decode(encoded), sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text


def printable(path: str) -> str:
    """A path of a backup as any terminal and JSON can show it: bytes that are not UTF-8 become `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def on_one_line(path: str) -> str:
    """The same for a table: nothing in a name can begin a new line or command the terminal."""
    text = printable(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def show_log(session: Session, text: str) -> None:
    """A run's log, one line for each event."""
    if not show_document(session, {"log": text.splitlines()}):
        session.progress.pause()
        click.echo(text, nl=False)


def show_table(
    session: Session, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """A table without lines, nothing in it cut or folded: as with kubectl, long rows are the terminal's to wrap."""
    from rich.cells import cell_len  # noqa: PLC0415 - only tables wait for it

    session.progress.pause()
    table = [columns, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    for line in table:
        padded = []
        for name, cell, width in zip(columns, line, widths, strict=True):
            blanks = " " * (width - cell_len(cell))
            padded.append(blanks + cell if name in right else cell + blanks)
        text = "  ".join(padded).rstrip()
        click.echo(click.style(text, bold=True) if line is columns else text)


def counted(number: int, word: str) -> str:
    """`1 namespace`, `1,200 objects`"""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def show_facts(session: Session, facts: Sequence[tuple[str, str]]) -> None:
    """Names and values, one pair a line."""
    session.progress.pause()
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def local_time(moment: dt.datetime) -> str:
    """As tables show times: the reader's own zone, to the second."""
    with suppress(OverflowError, ValueError):  # in the first or last hours that there are: they stay in their own zone
        moment = moment.astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def say(session: Session, message: str) -> None:
    """A message on standard error."""
    if not session.options.get("quiet"):
        session.progress.pause()
        click.echo(
            json.dumps({"event": "note", "message": message}) if session.messages_are_json else message, err=True
        )
