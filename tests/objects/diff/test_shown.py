"""What of a change may be seen: nothing of a Secret's values, in no form."""

from __future__ import annotations

import base64
import hashlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.field_changes import field_lines
from holdfast.model.diff import Values
from holdfast.objects.diff.noise import LAST_APPLIED, cleaned, object_changes
from holdfast.objects.diff.shown import Room, shown
from holdfast.objects.transforms import Context

KEYS = st.sampled_from(["password", "tls.key", "user"])
SECRETS = st.text("QXZ" + "éß", min_size=4, max_size=30)
DATA = st.none() | st.dictionaries(KEYS, SECRETS, max_size=3)


def secret(data=None, applied=None, **fields):
    metadata = {"name": "login", "namespace": "shop"}
    if applied is not None:
        metadata["annotations"] = {LAST_APPLIED: applied}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in (data or {}).items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        **({"data": encoded} if data is not None else {}),
        **fields,
    }


def of(before, after, kind="secrets", **options):
    clean = [cleaned(obj, kind, Context()) if obj else {} for obj in (before, after)]
    return shown(object_changes(*clean, kind), kind, Room(1 << 20), **options)


def printed(changes):
    return msgspec.json.encode(changes).decode() + "\n".join(line for change in changes for line in field_lines(change))


@given(DATA, DATA, DATA, st.booleans())
def test_no_value_of_a_secret_is_printed(before, after, plain, is_whole):
    applied = json.dumps(plain)
    old = None if is_whole else secret(before, applied, stringData=before or {})
    new = secret(after, json.dumps(after), stringData=plain or {})
    text = printed(of(old, new)) + printed(of(new, old))
    for data in (before, after, plain):
        for value in (data or {}).values():
            for form in (value, base64.b64encode(value.encode()).decode(), hashlib.sha256(value.encode()).hexdigest()):
                assert form not in text
            assert value[:4] not in text


def test_a_masked_change_does_not_tell_how_long_its_values_are():
    one, other = (of(secret({"k": "x"}), secret({"k": "y" * length})) for length in (1, 4000))
    assert one == other
    assert [(change.path, change.values) for change in one] == [("data.k", Values.MASKED)]


def test_a_secret_that_is_no_map_is_masked_as_well():
    assert "XQZ" not in printed(of(secret(), secret() | {"data": "XQZQ"}))
    assert "XQZ" not in printed(of(secret() | {"data": ["XQZQ"]}, secret({"a": "b"})))


def test_values_are_decoded_when_asked_for():
    (change,) = of(secret({"k": "old"}), secret({"k": "grün"}), show_secrets=True)
    assert (change.before, change.after) == ("old", "grün")
    binary = base64.b64encode(b"\xff\xfe").decode()
    before = secret() | {"data": {"k": binary}}
    assert of(before, secret({"k": "x"}), show_secrets=True)[0].before == binary


def test_the_manifest_that_was_applied_last_is_named_only_alone_and_never_shown():
    (alone,) = of(secret({}, "XQZ"), secret({}, "XQZ2"))
    assert (alone.path, alone.values) == (f'metadata.annotations["{LAST_APPLIED}"]', Values.MASKED)
    assert [change.path for change in of(secret({"a": "b"}, "XQZ"), secret({"a": "c"}, "XQZ2"))] == ["data.a"]
    assert "XQZ" not in printed(of(None, secret({"a": "b"}, "XQZ"), show_secrets=True))
    config = {"metadata": {"name": "c"}}
    applied = {"metadata": {"name": "c", "annotations": {LAST_APPLIED: "XQZ"}}}
    (one,) = of(config, applied, "configmaps")
    assert one.values is Values.LEFT_OUT


def test_what_does_not_fit_is_named_without_its_values():
    before, after = ({"data": {str(number): text * 100 for number in range(9)}} for text in ("a", "b"))
    changes = shown(object_changes(before, after, "configmaps"), "configmaps", Room(700))
    assert [change.values for change in changes] == [Values.SHOWN] * 3 + [Values.LEFT_OUT] * 6


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"spec": {"replicas": 3}}, {"spec": {"replicas": 5}}, ["~ spec.replicas: 3 → 5"]),
        ({"a": "1"}, {"a": 1}, ['~ a: "1" → 1']),
        ({"a": ""}, {"a": " x"}, ['~ a: "" → " x"']),
        ({"a": None}, {"a": "null"}, ['~ a: null → "null"']),
        ({}, {"a": "b"}, ["+ a: b"]),
        ({"a": {"b": 1}}, {}, ['- a: {"b": 1}']),
        ({"a": "x" * 500}, {"a": "y"}, [f"~ a: {'x' * 159}… → y"]),
        ({"a": "\x1b[31m"}, {"a": "b"}, ["~ a: \\x1b[31m → b"]),
        (
            {"data": {"f": "1\n2\n3\n4\n5\n"}},
            {"data": {"f": "1\n2\n3\n4\n6\x07\n"}},
            ["~ data.f:", "      @@ -3,3 +3,3 @@", "      3", "      4", "-     5", "+     6\\x07"],
        ),
        ({}, {"a": "1\n2\n"}, ["+ a:", "+     1", "+     2"]),
        ({"x": [{"name": "a"}, {"name": "b"}]}, {"x": [{"name": "b"}, {"name": "a"}]}, ["~ x: order a, b → b, a"]),
    ],
    ids=str,
)
def test_people_read(before, after, lines):
    changes = shown(object_changes(before, after, "widgets.example.com"), "widgets.example.com", Room(9999))
    assert [line for change in changes for line in field_lines(change)] == lines


def test_long_texts_end_early():
    before, after = ({"a": "\n".join(f"{letter}{number}" for number in range(100))} for letter in "xy")
    (change,) = shown(object_changes(before, after, "widgets"), "widgets", Room(9999))
    lines = list(field_lines(change))
    assert lines[-1] == "      … 141 more lines"
    assert len(lines) == 62
