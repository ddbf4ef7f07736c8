"""README.md says where each scenario is tested: every test that it names exists, and it names every test that is here."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
NAMED = set(re.findall(r"`([\w/]+\.py)::(\w+)`", (HERE / "README.md").read_text()))


def functions_of(path):
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_is_named_exists(file):
    assert {name for named, name in NAMED if named == file} <= functions_of(TESTS / file)


def test_every_scenario_is_named():
    here = {
        (str(path.relative_to(TESTS)), name)
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for name in functions_of(path)
        if name.startswith("test_")
    }
    assert here - NAMED == set()
