"""What kubelet's probes are told."""

from __future__ import annotations

from http import HTTPStatus

from holdfast.controller.health import Health
from holdfast.controller.http_server import verdict
from holdfast.testing.manual_clock import ManualClock


def test_a_main_loop_that_gives_signs_is_alive():
    clock = ManualClock()
    health = Health(clock, patience=60)
    for _ in range(5):
        clock.advance(50)
        health.beat()
    assert health.why_not_alive() == ""


def test_a_main_loop_that_is_silent_for_too_long_is_not_alive_until_it_speaks_again():
    clock = ManualClock()
    health = Health(clock, patience=60)
    clock.advance(60)
    assert health.why_not_alive() == ""
    clock.advance(1)
    assert health.why_not_alive() == "the main loop gave no sign for 61 s"
    health.beat()
    assert health.why_not_alive() == ""


def test_it_is_ready_when_it_says_so_and_no_longer():
    health = Health(ManualClock())
    assert health.why_not_ready() == "the controller is starting"
    health.ready()
    assert health.why_not_ready() == ""
    health.not_ready("the API server does not answer")
    assert health.why_not_ready() == "the API server does not answer"


def test_a_probe_fails_with_the_reason():
    assert verdict("") == (b"ok\n", HTTPStatus.OK, "text/plain; charset=utf-8")
    assert verdict("stuck")[:2] == (b"stuck\n", HTTPStatus.SERVICE_UNAVAILABLE)
