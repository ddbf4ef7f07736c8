"""A real Prometheus scrapes the controller's HTTP server, evaluates the alerts, and answers what the dashboard asks."""

from __future__ import annotations

import subprocess
import time

import pytest
from testbed.prometheus import PrometheusServer
from tests.conftest import running
from tests.deploy.monitoring_files import ALERTS, everything, queries

from holdfast.controller.health import Health
from holdfast.controller.http_server import HttpServer
from holdfast.controller.web import routes
from holdfast.model.clock import SystemClock

PATIENCE = 60


@pytest.fixture(scope="module")
def prometheus(say):
    controller = HttpServer(routes(everything(), Health(SystemClock())), host="127.0.0.1", port=0)
    controller.start()
    try:
        target = f"127.0.0.1:{controller.port}"
        with running(lambda: PrometheusServer([target], [ALERTS], say=say)) as server:
            wait_until(lambda: server.query("holdfast_controller_leader"))
            yield server
    finally:
        controller.stop()


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_can_scrape_the_controller(prometheus):
    (target,) = prometheus.targets()
    assert (target["health"], target["lastError"]) == ("up", "")


def test_promtool_has_nothing_against_the_metrics(promtool):
    text, _ = everything().render()
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_plans_keep_their_namespace(prometheus):
    found = {one["metric"]["plan"]: one["metric"]["namespace"] for one in prometheus.query("holdfast_plan_info")}
    assert found == {"nightly": "shop", "broken": "shop"}


def test_what_is_wrong_is_told(prometheus):
    def told():
        return {
            (alert["labels"]["alertname"], alert["labels"].get("plan") or alert["labels"].get("location"))
            for alert in prometheus.alerts()
        }

    expected = {
        ("HoldfastPlanLate", "broken"),
        ("HoldfastPlanFailed", "broken"),
        ("HoldfastRunMissed", "broken"),
        ("HoldfastPlanRefused", "broken"),
        ("HoldfastRetentionHeld", "broken"),
        ("HoldfastLocationNotReady", "broken"),
    }
    wait_until(lambda: expected <= told())
    about_others = (
        told() - expected - {("HoldfastPlanLate", "nightly")}
    )  # it works, and its last run is long ago one day
    assert about_others == set()


def test_the_dashboard_counts_late_plans_as_the_alert_does(prometheus):
    (counting,) = [expression for title, expression in queries() if title == "Late plans"]

    def told():
        return sum(alert["labels"]["alertname"] == "HoldfastPlanLate" for alert in prometheus.alerts())

    wait_until(lambda: told() and [int(one["value"][1]) for one in prometheus.query(counting)] == [told()])


@pytest.mark.parametrize("expression", [expression for _, expression in queries()])
def test_every_query_of_the_dashboard_finds_something(prometheus, expression):
    wait_until(lambda: prometheus.query(expression))
