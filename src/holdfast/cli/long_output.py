"""Results of any length on standard output, printed as they come: neither tables nor documents are ever in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import TracebackType
from typing import Any, Self

import click
import msgspec

from holdfast.cli.context import Session
from holdfast.cli.output import to_yaml

_MEASURED = 500
"""Rows that decide how wide a table's columns are."""


def show_long_table(
    session: Session, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """As `show_table`; a cell that is wider than all in the first rows moves the rest of its line."""
    session.progress.pause()
    rows = iter(rows)
    first = list(islice(rows, _MEASURED))
    widths = [max(map(len, cells)) for cells in zip(columns, *first, strict=True)]
    for number, row in enumerate(chain([columns], first, rows)):
        line = "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


class LongDocument:
    """One JSON or YAML document with a list that is printed element by element, each on a line in JSON.

    with LongDocument(session) as document:                         # the document is the list
        document.add(…)
    with LongDocument(session, {"first": "…"}, "list") as document: # an object that begins so and has the list in a field
        document.add(…)
        document.tail = {"last": "…"}                               # its other fields, known at the end

    An error that comes before the first element is a document of its own, as with every command. One that comes later ends
    this document, which stays readable: what is there is right and not all, as the exit code says.
    """

    def __init__(self, session: Session, head: Mapping[str, Any] | None = None, name: str = "") -> None:
        self._session = session
        self._form: _Json | _Yaml = (_Yaml if session.output == "yaml" else _Json)(head or {}, name)
        self._is_empty = True
        self.tail: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        self._session.progress.pause()
        return self

    def add(self, element: Any) -> None:
        self._print(self._form.element(msgspec.json.encode(element), is_first=self._is_empty))
        self._is_empty = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or not self._is_empty:
            self._print(self._form.end(self.tail, is_empty=self._is_empty))

    def _print(self, text: str) -> None:
        self._session.document_begun = True
        click.echo(text, nl=False)


class _Json:
    def __init__(self, head: Mapping[str, Any], name: str) -> None:
        self._begin = "{" + "".join(f"{field}," for field in self._fields(head)) + f'\n  "{name}": [' if name else "["
        self._margin = "\n  " if name else "\n"
        self._last = "\n}\n" if name else "\n"

    def element(self, encoded: bytes, *, is_first: bool) -> str:
        return f"{self._begin if is_first else ','}{self._margin}  {encoded.decode()}"

    def end(self, tail: Mapping[str, Any], *, is_empty: bool) -> str:
        closed = f"{self._begin}]" if is_empty else f"{self._margin}]"
        return closed + "".join(f",{field}" for field in self._fields(tail)) + self._last

    @staticmethod
    def _fields(fields: Mapping[str, Any]) -> Iterator[str]:
        for name, value in fields.items():
            yield f'\n  "{name}": {msgspec.json.encode(value).decode()}'


class _Yaml:
    def __init__(self, head: Mapping[str, Any], name: str) -> None:
        self._head = self._fields(head)
        self._name = name

    def element(self, encoded: bytes, *, is_first: bool) -> str:
        begin = f"{self._head}{self._name}:\n" if is_first and self._name else ""
        return begin + to_yaml(b"[" + encoded + b"]")

    def end(self, tail: Mapping[str, Any], *, is_empty: bool) -> str:
        nothing = (f"{self._head}{self._name}: []\n" if self._name else "[]\n") if is_empty else ""
        return nothing + self._fields(tail)

    @staticmethod
    def _fields(fields: Mapping[str, Any]) -> str:
        return to_yaml(msgspec.json.encode(fields)) if fields else ""
