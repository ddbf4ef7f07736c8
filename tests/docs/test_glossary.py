"""docs/glossary.md: one meaning for each word, and every word is in the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from holdfast.model.backup import BackupType
from holdfast.model.restore import Action, Result
from holdfast.model.run import Outcome
from holdfast.model.verification import Proof
from holdfast.operations.tree_diff import Change

PAGE = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
TABLES = [
    [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()]
    for block in re.findall(r"\|---\|---\|---\|---\|\n((?:\|.*\n)+)", PAGE)
]
ROWS = {row[0]: row for table in TABLES for row in table}


def resolve(dotted):
    """The object of that name. Raises ImportError, AttributeError."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ImportError(dotted)


def test_no_word_has_two_meanings():
    words = [word.strip().lower() for table in TABLES for row in table for word in row[0].split(",")]
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table[0][0])
def test_words_are_in_alphabetical_order(table):
    words = [row[0].lower() for row in table]
    assert words == sorted(words)


@pytest.mark.parametrize("word", ROWS)
def test_a_word_is_defined_where_its_row_says(word):
    _, meaning, _, code = ROWS[word]
    assert meaning
    names = re.findall(r"`(holdfast\.[\w.]+)`", code)
    assert names
    for name in names:
        resolve(name)


@pytest.mark.parametrize(
    ("word", "enumeration"),
    [("Action", Action), ("Difference", Change), ("Proof", Proof), ("Result", Result), ("Outcome", Outcome)],
)
def test_values_on_the_page_are_those_of_the_code(word, enumeration):
    assert set(re.findall(r"`([^`]+)`", ROWS[word][1])) == {member.value for member in enumeration}


def test_the_types_of_backups_are_those_of_the_code():
    (row,) = (word for word in ROWS if word.startswith("Full"))
    assert [word.strip().lower() for word in row.split(",")] == [member.value for member in BackupType]
