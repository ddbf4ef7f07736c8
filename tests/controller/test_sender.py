"""How messages wait, are tried again and are counted."""

from __future__ import annotations

import threading
import time

import pytest
from tests.controller.test_delivery import a_message

from holdfast.controller.notifications.sender import Pace, Sender

PATIENCE = 30
URL = "ntfys://:token@ntfy.sh/topic"


class Services:
    """In the place of Apprise: URLs in `down` take nothing; `gate` holds deliveries up."""

    def __init__(self, down=()):
        self.down = set(down)
        self.deliveries = []
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, messages, urls):
        self.deliveries.append(([message.title for message in messages], list(urls)))
        self.gate.wait(PATIENCE)
        return [url for url in urls if url in self.down]

    def stop(self):
        self.gate.set()


class Counts:
    def __init__(self):
        self.sent, self.failed = [], []

    def notification_sent(self, service):
        self.sent.append(service)

    def notification_failed(self, service):
        self.failed.append(service)


class Office:
    """A sender with all that it works with."""

    def __init__(self, urls=(URL,), down=(), pace=None):
        self.services = Services(down)
        self.counts = Counts()
        self.told = []
        self.lines = []
        self.urls = list(urls)
        self.sender = Sender(
            urls=lambda: self.urls,
            deliverer=self.services,
            told=self.told.append,
            counts=self.counts,
            log=self.lines.append,
            pace=pace or Pace(gather=0.01, retries=(0, 0), rests=(0.01,)),
        )
        self.sender.start()


@pytest.fixture
def office():
    opened = []

    def open_one(**options):
        opened.append(Office(**options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.sender.stop()


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_offered_is_sent_and_told(office):
    one = office()
    one.sender.offer(a_message())
    wait_until(lambda: one.told)
    assert one.told == [a_message()]
    assert one.counts.sent == ["ntfys"]
    assert one.counts.failed == []


def test_what_is_offered_again_before_the_status_says_so_is_not_sent_again(office):
    one = office()
    one.services.gate.clear()
    one.sender.offer(a_message(1))
    wait_until(lambda: one.services.deliveries)
    one.sender.offer(a_message(1))
    one.services.gate.set()
    wait_until(lambda: one.told)
    one.sender.offer(a_message(1))
    one.sender.offer(a_message(2))
    wait_until(lambda: len(one.told) == 2)
    assert one.told == [a_message(1), a_message(2)]
    assert len(one.services.deliveries) == 2


def test_many_messages_at_one_time_are_one_notification(office):
    one = office(pace=Pace(gather=0.3))
    for number in range(50):
        one.sender.offer(a_message(number))
    wait_until(lambda: len(one.told) == 50)
    assert len(one.services.deliveries) == 1


def test_without_urls_everything_counts_as_told(office):
    one = office(urls=())
    one.sender.offer(a_message())
    wait_until(lambda: one.told)
    assert one.services.deliveries == []
    assert one.counts.sent == []


def test_a_service_that_fails_is_tried_again_alone_and_then_counted(office):
    one = office(urls=(URL, "json://geheim@host"), down=("json://geheim@host",))
    one.sender.offer(a_message())
    wait_until(lambda: one.told)
    assert [urls for _, urls in one.services.deliveries] == [[URL, "json://geheim@host"]] + [["json://geheim@host"]] * 2
    assert one.counts.sent == ["ntfys"]
    assert one.counts.failed == ["json"]
    assert one.lines
    assert not any("geheim" in line or "host" in line for line in one.lines)


def test_while_all_services_are_down_nothing_is_told_and_nothing_lost(office):
    one = office(down=(URL,))
    one.sender.offer(a_message(1))
    one.sender.offer(a_message(2))
    wait_until(lambda: len(one.lines) > 6)
    assert one.told == []
    one.services.down.clear()
    wait_until(lambda: len(one.told) == 2)
    assert one.counts.failed
    assert not any("token" in line for line in one.lines)


def test_the_secret_may_change_while_messages_wait(office):
    one = office(down=(URL,))
    one.sender.offer(a_message())
    wait_until(lambda: one.lines)
    one.urls[:] = ["json://other"]
    wait_until(lambda: one.told)
    assert one.counts.sent == ["json"]


def test_offering_returns_at_once_while_a_service_hangs(office):
    one = office()
    one.services.gate.clear()
    one.sender.offer(a_message(1))
    wait_until(lambda: one.services.deliveries)
    for number in range(2, 1000):
        one.sender.offer(a_message(number))
    assert one.told == []
    one.services.gate.set()
    wait_until(lambda: len(one.told) == 999)


def test_the_longer_all_services_are_down_the_longer_it_rests(office):
    one = office(down=(URL,), pace=Pace(gather=0, retries=(), rests=(0.01, 3600)))
    one.sender.offer(a_message())
    wait_until(lambda: any("again in 3600 s" in line for line in one.lines))
    assert len(one.services.deliveries) == 2


def test_a_delivery_that_the_end_interrupts_is_no_failure_of_the_service(office):
    one = office(down=(URL,))
    one.services.gate.clear()
    one.sender.offer(a_message())
    wait_until(lambda: one.services.deliveries)
    one.sender.stop()
    assert (one.counts.failed, one.told, one.lines) == ([], [], [])


def test_it_ends_while_it_rests_for_long(office):
    one = office(down=(URL,), pace=Pace(gather=0, retries=(), rests=(3600,)))
    one.sender.offer(a_message())
    wait_until(lambda: any("again in 3600 s" in line for line in one.lines))
    ending = threading.Thread(target=one.sender.stop)
    ending.start()
    ending.join(PATIENCE)
    assert not ending.is_alive()
    assert one.told == []
