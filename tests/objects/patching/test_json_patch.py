import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.objects.fields import copied
from holdfast.objects.patching.failures import PatchFailed, PathMissing, TestFailed
from holdfast.objects.patching.json_patch import OPERATIONS, Operation, apply_json_patch
from holdfast.objects.patching.merge_patch import apply_merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "-1", "~1", "~0", "x"]), max_size=4).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
STEPS = st.builds(Operation, st.sampled_from([*OPERATIONS, "burn"]), PATHS, JSON, PATHS)


def apply(obj, *steps):
    return apply_json_patch(obj, [Operation(*step) for step in steps])


# The examples of RFC 6902, appendix A
RFC_6902 = [
    ({"foo": "bar"}, [("add", "/baz", "qux")], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [("add", "/foo/1", "qux")], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [("remove", "/baz")], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [("remove", "/foo/1")], {"foo": ["bar", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [("replace", "/baz", "boo")], {"baz": "boo", "foo": "bar"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [("move", "/qux/thud", None, "/foo/waldo")],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    ({"foo": ["all", "grass", "cows", "eat"]}, [("move", "/foo/3", None, "/foo/1")], {"foo": ["all", "cows", "eat", "grass"]}),
    ({"b": "q", "foo": ["a", 2, "c"]}, [("test", "/b", "q"), ("test", "/foo/1", 2)], {"b": "q", "foo": ["a", 2, "c"]}),
    ({"foo": "bar"}, [("add", "/child", {"grandchild": {}})], {"foo": "bar", "child": {"grandchild": {}}}),
    ({"foo": ["bar"]}, [("add", "/foo/-", ["abc", "def"])], {"foo": ["bar", ["abc", "def"]]}),
    ({"/": 9, "~1": 10}, [("test", "/~01", 10), ("test", "/~1", 9)], {"/": 9, "~1": 10}),
    ({"a": 1}, [("add", "", {"b": 2})], {"b": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "steps", "after"), RFC_6902, ids=range(len(RFC_6902)))
def test_examples_of_the_standard(before, steps, after):
    kept = copied(before)

    assert apply(before, *steps) == after
    assert before == kept, "the argument was changed"


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([("add", "/baz/bat", "qux")], "there is no 'baz'"),
        ([("remove", "/x")], "there is no 'x'"),
        ([("replace", "/x", 1)], "there is no 'x'"),
        ([("remove", "")], "the whole object cannot be taken away"),
        ([("add", "/list/5", 1)], "the list has no index 5: it has 2 items"),
        ([("add", "/list/one", 1)], "'one' is not an index"),
        ([("remove", "/list/-")], "'-' is not an index"),
        ([("add", "/text/a", 1)], "nothing at /text that could hold 'a'"),
        ([("add", "x", 1)], "does not begin with /"),
        ([("move", "/a", None, "/x")], "there is no 'x'"),
        ([("burn", "/text")], "no operation 'burn'"),
    ],
)
def test_step_that_cannot_be_done_is_named(steps, why):
    with pytest.raises(PatchFailed, match=why) as failure:
        apply({"text": "t", "list": [1, 2]}, *steps)
    assert str(failure.value).startswith(steps[0][0])


def test_true_is_not_one():
    with pytest.raises(TestFailed):
        apply({"a": True}, ("test", "/a", 1))
    with pytest.raises(TestFailed):
        apply({"a": [0]}, ("test", "/a", [False]))


def test_field_that_is_not_there_is_null_but_what_is_below_it_is_missing():
    assert apply({}, ("test", "/a", None)) == {}
    with pytest.raises(PathMissing):
        apply({}, ("test", "/a/b", None))
    with pytest.raises(PathMissing):
        apply({}, ("test", "/a", 1))


def test_copy_is_a_copy():
    patched = apply({"a": {"b": [1]}}, ("copy", "/c", None, "/a"), ("add", "/c/b/-", 2))

    assert patched == {"a": {"b": [1]}, "c": {"b": [1, 2]}}


@given(JSON, st.lists(STEPS, max_size=4))
def test_any_patch_changes_a_copy_or_fails_as_a_patch(document, steps):
    kept = copied(document)
    with contextlib.suppress(PatchFailed):
        apply_json_patch(document, steps)
    assert document == kept


# The examples of RFC 7386, appendix A
RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("before", "patch", "after"), RFC_7386, ids=range(len(RFC_7386)))
def test_examples_of_the_standard_for_merge_patches(before, patch, after):
    kept = copied(before)

    assert apply_merge_patch(before, patch) == after
    assert before == kept


@given(JSON, JSON)
def test_merge_patch_applied_twice_is_as_once(document, patch):
    once = apply_merge_patch(document, patch)

    assert apply_merge_patch(once, patch) == once
