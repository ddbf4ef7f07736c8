from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.objects.mapping import NameMap, parse_namespaces, parse_storage_classes

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


def test_name_that_is_not_mapped_stays():
    names = parse_namespaces(["shop=test"])

    assert (names["shop"], names["infra"]) == ("test", "infra")


def test_map_is_true_only_if_it_changes_a_name():
    assert parse_namespaces(["shop=test"])
    assert not parse_namespaces(["shop=shop"])
    assert not NameMap()


def test_same_pair_may_be_given_twice():
    assert parse_namespaces(["a=b", "a=b"])["a"] == "b"


def test_namespaces_may_change_places():
    names = parse_namespaces(["a=b", "b=a"])

    assert (names["a"], names["b"]) == ("b", "a")


@pytest.mark.parametrize(
    "values",
    [
        ["shop"],
        ["shop="],
        ["=test"],
        ["shop=Test"],
        ["shop=a.b"],
        ["shop=a=b"],
        ["shop=-a"],
        ["shop=a-"],
        ["shop=" + "a" * 64],
        ["shop=a\n"],
        ["shop=*"],
        ["a=b", "a=c"],
    ],
)
def test_namespaces_that_make_no_sense_are_refused(values):
    with pytest.raises(UsageError, match="--map-namespace"):
        parse_namespaces(values)


def test_two_namespaces_do_not_become_one():
    with pytest.raises(UsageError, match="two namespaces into c"):
        parse_namespaces(["a=c", "b=c"])


def test_two_storage_classes_may_become_one():
    classes = parse_storage_classes(["a=c", "b=c"])

    assert (classes["a"], classes["b"]) == ("c", "c")


def test_storage_class_may_have_dots():
    assert parse_storage_classes(["fast=fast.example.com"])["fast"] == "fast.example.com"


@pytest.mark.parametrize("value", ["fast", "fast=a..b", "fast=A", "fast=" + "a" * 254])
def test_storage_classes_that_make_no_sense_are_refused(value):
    with pytest.raises(UsageError, match="--map-storage-class"):
        parse_storage_classes([value])


@given(st.dictionaries(NAMES, NAMES, max_size=5).filter(lambda names: len(set(names.values())) == len(names)))
def test_every_possible_name_can_be_mapped(names):
    parsed = parse_namespaces(f"{old}={new}" for old, new in names.items())

    assert dict(parsed.names) == names


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_refused_and_nothing_else(text):
    with suppress(UsageError):
        parse_namespaces([text])
