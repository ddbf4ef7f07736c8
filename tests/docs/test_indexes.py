"""Every page can be found: docs/README.md names all pages, docs/decisions/README.md all records."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("directory", [DOCS, DOCS / "decisions"], ids=lambda directory: directory.name)
def test_the_index_names_every_page(directory):
    pages = {page.name for page in directory.glob("*.md")} - {"README.md"}
    assert pages <= set(re.findall(r"\]\(([\w.-]+\.md)\)", (directory / "README.md").read_text()))


def test_records_are_numbered_without_gaps_and_titled_with_their_number():
    records = sorted(page for page in (DOCS / "decisions").glob("*.md") if page.name != "README.md")
    assert [int(page.name[:4]) for page in records] == list(range(1, len(records) + 1))
    for page in records:
        assert re.match(rf"# 0*{int(page.name[:4])}[.:] ", page.read_text()), page.name
