"""Taking the lease where the API server is not always there. Two controllers beside a real one: test_controller.py."""

import pytest

from holdfast.controller.election import Election
from holdfast.errors import ClusterUnreachable
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock


class Door:
    """A cluster that cannot be reached the first time, and has no lease."""

    def __init__(self):
        self.asked = 0
        self.created = []

    def get(self, *_):
        self.asked += 1
        if self.asked == 1:
            raise ClusterUnreachable("nobody answers")

    def create(self, _kind, _namespace, body):
        self.created.append(body)
        return body

    def apart(self):
        return self

    def close(self):
        pass


@pytest.fixture
def door():
    return Door()


def test_who_waits_for_the_lease_waits_for_the_api_server_too(door, monkeypatch):
    monkeypatch.setattr("holdfast.controller.lease.LOOK_EVERY", 0.01)
    election = Election(door, "holdfast", "one", SystemClock(), Cancel())
    election.acquire()
    election.release()
    assert b'"holderIdentity":"one"' in door.created[0]
