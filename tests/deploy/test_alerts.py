"""The alerts, judged by Prometheus' own checker."""

from __future__ import annotations

import shutil
import subprocess
import textwrap

import pytest
import yaml
from tests.deploy.monitoring_files import ALERTS, ROOT, alerts, exported, metrics_in, read_strictly

OPERATOR = ROOT / "deploy/prometheus-operator"
TESTS = ALERTS.with_name("holdfast_test.yaml")


@pytest.fixture
def judged(promtool):
    """`judged(*arguments, input="")` → (exit code, everything that promtool says)."""

    def run(*arguments, **options):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False, **options)
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_rules_are_good(judged):
    code, said = judged("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert code == 0, said
    assert f"SUCCESS: {len(alerts())} rules found" in said


def test_each_alert_fires_when_it_is_to_and_not_else(judged):
    code, said = judged("test", "rules", TESTS)
    assert code == 0, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("clamp_max(holdfast_plan_interval_seconds, 7200)", "holdfast_plan_interval_seconds"), ('!="done"', '="failed"')],
)
def test_the_tests_of_the_alerts_can_fail(judged, tmp_path, right, wrong):
    text = ALERTS.read_text()
    assert right in text
    (tmp_path / ALERTS.name).write_text(text.replace(right, wrong))
    shutil.copy(TESTS, tmp_path)
    code, _ = judged("test", "rules", tmp_path / TESTS.name)
    assert code != 0


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_test_a_severity_and_words_and_asks_for_what_there_is(rule):
    tested = {
        one["alertname"] for test in yaml.safe_load(TESTS.read_text())["tests"] for one in test["alert_rule_test"]
    }
    assert rule["alert"] in tested
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert metrics_in(rule["expr"]) <= exported()
    assert metrics_in(rule["expr"])


def test_the_rules_for_the_operator_are_the_same():
    groups = ALERTS.read_text().partition("groups:")
    written = (OPERATOR / "prometheus-rule.yaml").read_text()
    assert written.endswith(textwrap.indent("".join(groups[1:]), "  "))
    assert yaml.safe_load(written)["spec"] == yaml.safe_load(ALERTS.read_text())


@pytest.mark.parametrize("path", sorted(OPERATOR.glob("*.yaml")), ids=lambda path: path.name)
def test_the_operators_types_take_its_objects_and_no_others(operator_check, tmp_path, path):
    assert read_strictly(operator_check, path) == (0, "")
    broken = tmp_path / path.name
    broken.write_text(path.read_text() + "  colour: red\n")
    code, said = read_strictly(operator_check, broken)
    assert code == 1
    assert "unknown field" in said
    assert "colour" in said


def test_the_monitor_keeps_the_namespaces_of_plans():
    monitor = yaml.safe_load((OPERATOR / "pod-monitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
    assert endpoint["path"] == "/metrics"
