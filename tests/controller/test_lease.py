"""Who of several controllers works."""

import datetime as dt

import msgspec
import pytest

from holdfast.controller import lease
from holdfast.controller.lease import DURATION, GIVE_UP_AFTER, RENEW_EVERY, Lease, elect, notice, released

NOW = dt.datetime(2026, 11, 26, 2, tzinfo=dt.UTC)


def written(body, version="1"):
    """What a server gives back of a body."""
    metadata = {**body["metadata"], "resourceVersion": version}
    return msgspec.json.decode(msgspec.json.encode({**body, "metadata": metadata}), type=Lease)


def test_the_first_one_takes_it():
    body = elect(None, None, "a", NOW, 0.0)
    assert body["spec"]["holderIdentity"] == "a"
    assert body["spec"]["renewTime"] == "2026-11-26T02:00:00.000000Z"
    assert "resourceVersion" not in body["metadata"]


def test_the_second_one_waits():
    held = written(elect(None, None, "a", NOW, 0.0))
    seen = notice(held, None, 100.0)
    assert elect(held, seen, "b", NOW, 100.0) is None
    assert elect(held, seen, "b", NOW, 100.0 + DURATION - 0.1) is None


def test_who_does_not_renew_loses_it():
    held = written(elect(None, None, "a", NOW, 0.0), version="7")
    seen = notice(held, None, 100.0)
    body = elect(held, notice(held, seen, 100.0 + DURATION), "b", NOW, 100.0 + DURATION)
    assert body["spec"]["holderIdentity"] == "b"
    assert body["spec"]["leaseTransitions"] == 1
    assert body["metadata"]["resourceVersion"] == "7"  # so that only one of many gets it


def test_a_renewal_is_seen_whatever_the_clocks_say():
    held = written(elect(None, None, "a", NOW, 0.0))
    seen = notice(held, None, 100.0)
    renewed = written(elect(held, None, "a", NOW - dt.timedelta(days=1), 0.0))  # its clock went back
    seen = notice(renewed, seen, 125.0)
    assert elect(renewed, seen, "b", NOW + dt.timedelta(days=2), 100.0 + DURATION) is None


def test_the_holder_renews_and_stays_the_same():
    held = written(elect(None, None, "a", NOW, 0.0))
    body = elect(held, None, "a", NOW + dt.timedelta(seconds=10), 10.0)
    assert body["spec"]["acquireTime"] == held.spec.acquire_time
    assert body["spec"]["renewTime"] != held.spec.renew_time
    assert body["spec"]["leaseTransitions"] == 0


def test_what_is_released_is_free_at_once():
    held = written(elect(None, None, "a", NOW, 0.0))
    assert released(held, "b") is None
    free = written(released(held, "a"))
    assert elect(free, notice(free, None, 0.0), "b", NOW, 0.0)["spec"]["holderIdentity"] == "b"


def test_a_holder_gives_up_before_another_one_begins():
    assert RENEW_EVERY < GIVE_UP_AFTER
    assert GIVE_UP_AFTER + RENEW_EVERY <= DURATION


@pytest.mark.parametrize("spec", [{}, {"holderIdentity": ""}, {"leaseDurationSeconds": 15}])
def test_a_lease_without_a_holder_is_free(spec):
    empty = msgspec.json.decode(msgspec.json.encode({"metadata": {}, "spec": spec}), type=Lease)
    assert elect(empty, lease.notice(empty, None, 0.0), "a", NOW, 0.0) is not None
