"""The differ alone: what it finds, how it names it, and that what it finds is all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.objects.diff.defaults import NONE
from holdfast.objects.diff.walk import ABSENT, ByKey, changes, path_text
from holdfast.objects.fields import copied

SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b\nc", "1", "1.0"]) | st.floats(-1, 1)
)
FIELDS = st.sampled_from(["name", "ports", "port", "containers", "env", "x.y", "data"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3), max_leaves=12
)
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd"), "v": SCALARS}),
    max_size=4,
    unique_by=lambda item: item["name"],
)
OBJECTS = st.dictionaries(FIELDS, VALUES | NAMED, max_size=4)


def found(before, after):
    return list(changes(before, after, NONE))


def shown(before, after):
    return [path_text(change.path) for change in found(before, after)]


def is_equal(one, other):
    """As JSON, where 1 and 1.0 are one number and true is none."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def applied(before, differences):
    """`before` with every change made; what is new in a list with keys comes last."""
    result = {"root": copied(before)}
    for change in differences:
        place, step = result, "root"
        for below in change.path:
            place, step = place[position(place, step)], below
        where = position(place, step)
        if change.is_order:
            items = place[where]
            place[where] = [items[position(items, ByKey(key))] for key in change.after]
        elif change.after is ABSENT:
            del place[where]
        elif where is None:
            place.append(change.after)
        else:
            place[where] = change.after
    return result["root"]


def position(place, step):
    if not isinstance(step, ByKey):
        return step
    for number, item in enumerate(place):
        if key_of(item) == step.key:
            return number
    return None


def key_of(item):
    known_by = item.get("metadata", item) if isinstance(item.get("metadata", item), dict) else item
    if "port" in item and "name" not in item:
        return f"{item['port']}/{item.get('protocol', 'TCP')}"
    return str(known_by.get("name"))


@given(OBJECTS, OBJECTS)
def test_there_is_a_difference_exactly_where_the_values_differ(before, after):
    assert bool(found(before, after)) == (not is_equal(before, after))


@given(OBJECTS)
def test_nothing_differs_from_itself(value):
    assert found(value, json.loads(json.dumps(value))) == []


@given(
    st.dictionaries(st.sampled_from("pqr"), NAMED | SCALARS), st.dictionaries(st.sampled_from("pqr"), NAMED | SCALARS)
)
def test_making_the_changes_gives_the_other_side(before, after):
    """But for the place of what is new in a list with keys: it comes last."""
    differences = found(before, after)
    rest = found(applied(before, differences), after)
    assert all(change.is_order for change in rest)
    new_items = [change for change in differences if change.before is ABSENT and isinstance(change.path[-1], ByKey)]
    assert not rest or new_items


@given(OBJECTS, OBJECTS)
def test_the_way_back_names_the_same_fields(before, after):
    there, back = found(before, after), found(after, before)
    assert {change.path for change in there} == {change.path for change in back}


@pytest.mark.parametrize(
    ("field", "before", "after", "paths"),
    [
        (
            "containers",
            [{"name": "a", "image": "1"}],
            [{"name": "b"}, {"name": "a", "image": "2"}],
            ["[a].image", "[b]"],
        ),
        ("env", [{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}], ["[A].value"]),
        ("ports", [{"port": 80}], [{"port": 80, "protocol": "TCP", "x": 1}], ["[80/TCP].protocol", "[80/TCP].x"]),
        ("ports", [{"containerPort": 80, "protocol": "UDP"}], [], ["[80/UDP]"]),
        ("volumeMounts", [{"mountPath": "/a b", "x": 1}], [{"mountPath": "/a b", "x": 2}], ['["/a b"].x']),
        ("volumeClaimTemplates", [{"metadata": {"name": "data"}}], [], ["[data]"]),
        ("anything", [{"name": "1"}], [{"name": "1", "x": 0}], ['["1"].x']),
        ("env", [{"name": "A"}, {"name": "A"}], [{"name": "A"}], [""]),
        ("args", ["a", "b"], ["a", "c"], ["[1]"]),
        ("args", ["a"], ["a", "b"], [""]),
        ("containers", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}], [""]),
    ],
    ids=str,
)
def test_items_are_known_by_their_keys(field, before, after, paths):
    assert shown({field: before}, {field: after}) == [f"{field}{path}" for path in paths]


def test_another_order_is_one_change_of_keys():
    before = {"env": [{"name": "A"}, {"name": "B"}]}
    (change,) = found(before, {"env": [{"name": "B"}, {"name": "A"}]})
    assert change == (("env",), ["A", "B"], ["B", "A"], True)
