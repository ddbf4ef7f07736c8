"""docs/json-output.md as a table that outputs can be held against: which command prints what, and each document's fields."""

import datetime as dt
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "json-output.md"
_LINK = re.compile(r"\[(\w+)\]\(#(\w+)\)")
_WORDS = {
    "outcome": {"done", "partial", "failed", "cancelled"},
    "type": {"full", "incremental", "differential"},
    "type or empty": {"", "full", "incremental", "differential"},
}


def _rows(text):
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _sections():
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


_SECTIONS = _sections()
COMMANDS = {row[0].strip("`"): row[1] for row in _rows(_SECTIONS["What `-o json` prints"])}
"""Command → type of its document."""

FIELDS = {
    name: {row[0].strip("`"): row[1] for row in _rows(text)}
    for name, text in _SECTIONS.items()
    if not name.startswith("What")
}
"""Document → {field: type}."""

EVENTS = {
    row[0].strip("`"): set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row[1])))
    for row in _rows(_SECTIONS["What `--progress json` prints"])
}
"""Event → its fields."""


def assert_documented(command, document):
    """That a command printed what the page says, every field of it and no other."""
    _check(document, COMMANDS[command], command)


def assert_is(name, document):
    """That a document has the fields of the section `name`."""
    _check(document, f"[{name}](#{name.lower()})", name)


def _check(value, kind, where):
    if kind.startswith("list of "):
        assert isinstance(value, list), where
        for number, element in enumerate(value):
            _check(element, kind.removeprefix("list of "), f"{where}[{number}]")
    elif kind.startswith("map of "):
        assert isinstance(value, dict), where
        for name, element in value.items():
            _check(element, kind.removeprefix("map of "), f"{where}.{name}")
    elif kind.endswith(" or null"):
        if value is not None:
            _check(value, kind.removesuffix(" or null"), where)
    elif link := _LINK.match(kind):
        fields = FIELDS[link[1]]
        assert isinstance(value, dict), where
        assert value.keys() == fields.keys(), where
        for name, field_kind in fields.items():
            _check(value[name], field_kind, f"{where}.{name}")
    else:
        assert _is_plain(value, kind), f"{where} is {value!r}, documented as {kind}"


def _is_plain(value, kind):
    match kind:
        case "text":
            return isinstance(value, str)
        case "number":
            return type(value) is int and value >= 0
        case "part" | "seconds":
            return isinstance(value, int | float) and 0 <= value <= (1 if kind == "part" else 1e9)
        case "true or false":
            return isinstance(value, bool)
        case "object" | "the object itself":
            return isinstance(value, dict)
        case "any":
            return True
        case "time":
            return dt.datetime.fromisoformat(value).tzinfo is not None
        case "time or empty":
            return value == "" or dt.datetime.fromisoformat(value).tzinfo is not None
        case _ if kind in _WORDS:
            return value in _WORDS[kind]
    raise AssertionError(f"the page uses an unknown type: {kind}")
