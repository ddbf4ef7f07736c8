from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.objects.more_cases import MORE
from tests.objects.quarantine_cases import CLOSED, QUARANTINE
from tests.objects.transform_cases import CASES as ORDINARY
from tests.objects.transform_cases import MAPPED, PLAIN, REFUSED, Carry, Change, Merge

from holdfast.objects.fields import copied
from holdfast.objects.transforms import TRANSFORMS, Transform, Transformed, apply, carried, merged

CASES = {**ORDINARY, **MORE, **QUARANTINE}
ROWS = {row.id: row for row in TRANSFORMS}
DOCS = Path(__file__).parents[2] / "docs" / "transforms.md"


def cases(sort):
    return [
        pytest.param(ROWS.get(row), case, id=f"{row}: {case.what}")
        for row, of_row in CASES.items()
        for case in of_row
        if isinstance(case, sort)
    ]


def test_ids_are_unique():
    assert len(ROWS) == len(TRANSFORMS)


def test_every_row_has_cases_for_each_of_its_functions():
    for row in TRANSFORMS:
        kinds = {type(case) for case in CASES.get(row.id, [])}
        refused = any(case.after is REFUSED for case in CASES.get(row.id, []) if isinstance(case, Change))
        assert (row.refuse is not None) == refused, row.id
        assert (row.refuse is not None or row.change is not None) == (Change in kinds), row.id
        assert (row.carry is not None) == (Carry in kinds), row.id
        assert (row.merge is not None) == (Merge in kinds), row.id


def test_every_case_belongs_to_a_row():
    assert CASES.keys() == ROWS.keys()


@pytest.mark.parametrize(("row", "case"), cases(Change))
def test_change(row, case):
    before = copied(case.before)

    outcome = apply((row,), case.kind, before, case.context)

    assert outcome.object == case.after
    assert outcome.row == (row.id if case.after is REFUSED else None)
    assert bool(outcome.not_restored) == (case.after is REFUSED)
    assert before == case.before, "the backup's object was changed"


@pytest.mark.parametrize(("row", "case"), cases(Carry))
def test_carry(row, case):
    live, desired = copied(case.live), copied(case.desired)

    assert carried((row,), case.kind, live, desired, case.context) == case.body
    assert (live, desired) == (case.live, case.desired), "an argument was changed"


@pytest.mark.parametrize(("row", "case"), cases(Merge))
def test_merge(row, case):
    live, desired = copied(case.live), copied(case.desired)

    assert merged((row,), case.kind, live, desired, case.context) == case.result
    assert (live, desired) == (case.live, case.desired), "an argument was changed"


@pytest.mark.parametrize("row", TRANSFORMS, ids=lambda row: row.id)
def test_row_bears_odd_objects(row):
    """Objects are of other people's making: whatever is missing or of another type, a row does not stumble."""
    for odd in ({}, {"spec": None, "status": None}, {"spec": "text", "data": [], "secrets": {}, "webhooks": {"a": 1}}):
        for metadata in ({}, {"labels": None, "annotations": None, "finalizers": None, "ownerReferences": None}):
            odd["metadata"] = {"name": "x", **metadata}
            kind = next(iter(row.kinds), "configmaps")
            desired = apply((row,), kind, odd, MAPPED).object
            assert desired is not None
            carried((row,), kind, odd, desired, MAPPED)
            merged((row,), kind, odd, desired, MAPPED)
            apply((row,), kind, odd, CLOSED)


def test_row_looks_only_at_its_kinds():
    row = Transform("x", "", frozenset({"pods"}), refuse=lambda _obj, _context: "no")

    assert apply((row,), "pods", {}, PLAIN) == Transformed(None, "no", "x")
    assert apply((row,), "jobs.batch", {}, PLAIN) == Transformed({})


def test_row_without_kinds_looks_at_all():
    row = Transform("x", "", refuse=lambda _obj, _context: "no")

    assert apply((row,), "anything.example.com", {}, PLAIN).object is None


def test_reason_is_one_paragraph_that_ends_with_a_full_stop():
    for row in TRANSFORMS:
        assert re.fullmatch(r"[A-Z][^\n|]+[.)]", row.reason), row.id


def test_documentation_shows_the_table():
    shown = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", DOCS.read_text(), re.MULTILINE)

    assert shown == [
        (row.id, ", ".join(f"`{kind}`" for kind in sorted(row.kinds)) or "all", row.reason) for row in TRANSFORMS
    ]
