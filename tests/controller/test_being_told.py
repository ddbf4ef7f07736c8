"""From a plan's status to a phone: decision, sender, Apprise and a real service, across restarts of the controller."""

from __future__ import annotations

import json
import threading
import time

import pytest
from tests.cluster.local_server import Answer, Server
from tests.controller.samples import a_plan
from tests.controller.telling import bad, good

from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.notifications.delivery import AppriseDeliverer
from holdfast.controller.notifications.plans import what_to_tell
from holdfast.controller.notifications.sender import Pace, Sender
from holdfast.controller.notifications.urls import read_urls

PATIENCE = 60


class Phone:
    """A service like ntfy; it answers nothing while its `line` is cut."""

    def __init__(self, directory):
        self.line = threading.Event()
        self.line.set()
        self._server = Server(self._answer)
        (directory / "urls").write_text(f"ntfy://127.0.0.1:{self._server.port}/backups\n")

    def _answer(self, _):
        self.line.wait(PATIENCE)
        return Answer()

    @property
    def tried(self):
        return len(self._server.requests)

    @property
    def shown(self):
        return [json.loads(request.body)["title"].partition(": ")[2] for request in self._server.requests]

    def close(self):
        self.line.set()
        self._server.close()


class Replica:
    """A controller's process, as far as people are told: looks at the plan again when its status was written."""

    def __init__(self, cluster, directory):
        self._cluster = cluster
        self._sender = Sender(
            urls=lambda: read_urls(directory),
            deliverer=AppriseDeliverer(),
            told=self._told,
            counts=Instruments(),
            log=lambda _: None,
            pace=Pace(gather=0, rests=(0.1,)),
        )
        self._sender.start()

    def look(self):
        message = what_to_tell(a_plan(**self._cluster))
        if message is not None:
            self._sender.offer(message)
        return message

    def _told(self, message):
        self._cluster["notified"] = message.notified

    def end(self):
        self._sender.stop()


@pytest.fixture
def phone(tmp_path):
    opened = Phone(tmp_path)
    yield opened
    opened.close()


def until_nothing_is_left(replica):
    deadline = time.monotonic() + PATIENCE
    while replica.look() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_controllers_that_follow_each_other_tell_everything_and_nothing_twice(phone, tmp_path):
    cluster = {"recent": [bad(1), good(0)]}
    first = Replica(cluster, tmp_path)
    until_nothing_is_left(first)
    first.end()

    second = Replica(cluster, tmp_path)
    until_nothing_is_left(second)
    assert phone.shown == ["a backup failed"]

    phone.line.clear()  # nobody answers, and the controller ends before somebody does
    cluster["recent"] = [bad(2, "Evicted"), *cluster["recent"]]
    second.look()
    while phone.tried < 2:
        time.sleep(0.01)
    second.end()
    assert "Evicted" not in cluster["notified"]
    phone.line.set()

    third = Replica(cluster, tmp_path)
    until_nothing_is_left(third)
    assert "Evicted" in cluster["notified"]
    cluster["recent"] = [good(3), *cluster["recent"]]
    until_nothing_is_left(third)
    third.end()
    assert "recovered" in cluster["notified"]
