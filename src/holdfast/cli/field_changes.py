"""Fields that differ, for people: `~ spec.replicas: 3 → 5`, texts and lists of lines as lines with + and -."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec

from holdfast.cli.output import on_one_line, to_yaml
from holdfast.model.diff import FieldChange, FieldChangeKind, Values

_LONGEST = 160
"""Characters of one value or line that are shown; -o json has all of it."""

_MOST_LINES = 60
_SIGNS = {
    FieldChangeKind.ADDED: "+",
    FieldChangeKind.REMOVED: "-",
    FieldChangeKind.CHANGED: "~",
    FieldChangeKind.ORDER: "~",
}
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_MASK = "***"


def show_fields(title: str, changes: Sequence[FieldChange], *, limit: int | None = None) -> None:
    """The fields of one object below its name; with `limit` only the first, and how many more there are."""
    click.echo(click.style(on_one_line(title), bold=True))
    for change in changes[:limit]:
        for line in field_lines(change):
            click.echo(f"  {click.style(line, fg=_COLOURS.get(line[:1]))}")
    if limit is not None and len(changes) > limit:
        click.echo(f"  … {len(changes) - limit:,} more fields; --diff shows all.")


def field_lines(change: FieldChange) -> Iterator[str]:
    """One line, or several where a value has lines of its own. The first begins with `+`, `-` or `~`."""
    head = f"{_SIGNS[change.change]} {on_one_line(change.path)}:"
    if change.values is not Values.SHOWN:
        yield f"{head} {_without_values(change)}"
    elif change.change is FieldChangeKind.ORDER:
        yield f"{head} order {_listed(change.before)} → {_listed(change.after)}"
    elif _has_lines(change.before) or _has_lines(change.after):
        yield head
        yield from _line_diff(change)
    elif change.change is FieldChangeKind.CHANGED:
        yield f"{head} {_text(change.before)} → {_text(change.after)}"
    else:
        yield f"{head} {_text(change.after if change.change is FieldChangeKind.ADDED else change.before)}"


def _without_values(change: FieldChange) -> str:
    if change.values is Values.LEFT_OUT:
        return f"({change.change})"
    if change.change is FieldChangeKind.CHANGED:
        return f"{_MASK} → {_MASK} (changed)"
    return f"{_MASK} ({change.change})"


def _has_lines(value: Any) -> bool:
    """Whether a value is clearer as lines: a text with several, a map or a list that is not short."""
    if isinstance(value, str):
        return "\n" in value.rstrip("\n")
    return isinstance(value, dict | list) and len(_text(value)) >= _LONGEST // 2


def _line_diff(change: FieldChange) -> Iterator[str]:
    old, new = _lines(change.before), _lines(change.after)
    if change.change is FieldChangeKind.CHANGED:
        lines = list(difflib.unified_diff(old, new, n=2, lineterm=""))[2:]
    else:
        sign = _SIGNS[change.change]
        lines = [f"{sign}{line}" for line in old or new]
    for line in lines[:_MOST_LINES]:
        yield f"{line[:1]}     {_cut(on_one_line(line[1:]))}" if line[:1] in "+- " else f"      {line}"
    if len(lines) > _MOST_LINES:
        yield f"      … {len(lines) - _MOST_LINES:,} more lines"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else to_yaml(msgspec.json.encode(value))
    return text.splitlines()


def _listed(keys: Sequence[Any]) -> str:
    return _cut(on_one_line(", ".join(map(str, keys))))


def _text(value: Any) -> str:
    """A text as it is, unless it could be taken for something else."""
    if isinstance(value, str) and value and value == value.strip():
        with suppress(ValueError):
            json.loads(value)
            return _cut(json.dumps(value, ensure_ascii=False))
        return _cut(on_one_line(value))
    return _cut(on_one_line(json.dumps(value, ensure_ascii=False)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
