"""Lines of a watch: what they mean, and that nothing in them can do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.watch_server import event, failure

from holdfast.cluster.watch_events import Changed, Deleted, Synced, parse
from holdfast.errors import ApiRefused, ClusterError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "object", "metadata", "code"]) | st.text(), inner)
    ),
)
KINDS = {"ADDED": Changed, "MODIFIED": Changed, "DELETED": Deleted}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_has_the_object_and_its_version(kind):
    found, version = parse(event(kind, "a", "7"), "cannot watch")
    assert (type(found), json.loads(found.object)["metadata"]["name"], version) == (KINDS[kind], "a", "7")


def test_a_bookmark_is_only_a_version():
    assert parse(event("BOOKMARK", "", "7"), "cannot watch") == (Synced(), "7")


def test_an_error_is_the_servers_refusal():
    with pytest.raises(ApiRefused) as refusal:
        parse(failure(410, "Expired"), "cannot watch")
    assert (refusal.value.status, refusal.value.reason, refusal.value.why) == (410, "Expired", "made up: Expired")


def understood(line):
    """What the line says; None if it is refused, as all that is no event must be."""
    try:
        return parse(line, "cannot watch")
    except ClusterError:
        return None


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_an_event_or_is_refused(line):
    found = understood(line)
    assert found is None or isinstance(found[0], Changed | Deleted | Synced)


@given(st.sampled_from([*KINDS, "BOOKMARK", "ERROR", "NEWS"]), JSON)
def test_whatever_an_event_holds_is_passed_on_as_it_is(kind, held):
    found = understood(json.dumps({"type": kind, "object": held}).encode())
    if found is not None:
        assert kind not in {"ERROR", "NEWS"}
        assert kind == "BOOKMARK" or json.loads(found[0].object) == held


@given(st.data())
def test_a_line_with_other_bytes_in_it_is_an_event_or_is_refused(data):
    line = bytearray(event("MODIFIED", "a", "7"))
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    found = understood(bytes(line))
    assert found is None or isinstance(found[1], str)
