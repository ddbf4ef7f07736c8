"""Waiting for a CustomResourceDefinition. The clock moves only by the pauses."""

from __future__ import annotations

import json

import pytest
from tests.cluster.local_server import Answer

from holdfast.cluster.custom_resources import wait_established
from holdfast.errors import ApiRefused, ClusterError


def definition(**conditions):
    return {
        "spec": {
            "group": "x.test",
            "names": {"plural": "gadgets"},
            "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
        },
        "status": {
            "conditions": [
                {"type": name, "status": status, "message": f"{name} is {status}"}
                for name, status in conditions.items()
            ]
        },
    }


READY = definition(NamesAccepted="True", Established="True")


@pytest.fixture
def wait(serve, connect, clock):
    """Waits with these definitions in turn; objects can be listed after `unserved` requests for them."""

    def waited(*definitions, unserved=0, listing=200):
        left, lists = list(definitions), []

        def answer(request):
            if "customresourcedefinitions" in request.path:
                return Answer(200, json.dumps(left.pop(0) if len(left) > 1 else left[0]).encode())
            lists.append(request.path)
            return Answer(404 if len(lists) <= unserved else listing, b"{}")

        wait_established(connect(serve(answer).url), "gadgets.x.test", timeout=30, clock=clock)
        return lists

    return waited


def test_an_established_definition_is_tried_once(wait, pauses):
    assert wait(READY) == ["/apis/x.test/v1/gadgets?limit=1"]
    assert pauses == []


def test_a_new_definition_is_waited_for(wait, pauses):
    wait({**READY, "status": {}}, definition(NamesAccepted="True", Established="False"), READY)
    assert len(pauses) == 2


def test_an_established_definition_that_is_not_yet_served_is_waited_for(wait, pauses):
    assert len(wait(READY, unserved=2)) == 3
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [403, 405])
def test_who_may_not_list_does_not_wait(wait, pauses, status):
    wait(READY, listing=status)
    assert pauses == []


def test_the_servers_reason_is_told_in_the_end(wait, clock):
    with pytest.raises(ClusterError) as error:
        wait(definition(NamesAccepted="False", Established="False"))
    assert str(error.value) == (
        "the CustomResourceDefinition gadgets.x.test was not ready after 30 s: "
        "NamesAccepted is False; Established is False"
    )  # fmt: skip
    assert 30 <= clock.monotonic() < 31


def test_a_definition_that_does_not_exist_is_an_error_at_once(serve, connect, clock, pauses):
    server = serve(lambda _: Answer(404, b'{"kind":"Status","reason":"NotFound","message":"not found"}'))
    with pytest.raises(ApiRefused, match="cannot read the CustomResourceDefinition"):
        wait_established(connect(server.url), "a.b", timeout=30, clock=clock)
    assert pauses == []
