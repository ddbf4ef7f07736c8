"""docs/monitoring.md: its tables are those of the exporter and of the alerts, and its URLs are good ones."""

from __future__ import annotations

import re
from pathlib import Path

import apprise
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.controller.telling import Controller, at, bad
from tests.deploy.monitoring_files import alerts, everything

from holdfast.api.run_status import RunProblem
from holdfast.controller.notifications.message import MessageKind
from holdfast.controller.notifications.urls import read_urls

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()


def documented():
    """name → (type, labels) of the table of metrics."""
    rows = re.findall(r"^\| `(holdfast_\w+)` \| (\w+) \| ([^|]*)\|", PAGE, re.MULTILINE)
    return {name: (type_, set(re.findall(r"`(\w+)`", labels))) for name, type_, labels in rows}


def exported():
    text, _ = everything().render()
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        if family.name.startswith("holdfast_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
    return found


def test_the_table_of_metrics_is_what_the_exporter_gives():
    assert documented() == exported()


def test_the_table_of_alerts_is_what_the_rules_say():
    rows = re.findall(r"^\| `(Holdfast\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in alerts()]


def test_how_long_an_alert_waits_is_on_the_page():
    for rule in alerts():
        (row,) = re.findall(rf"^\| `{rule['alert']}` .*", PAGE, re.MULTILINE)
        if "for" in rule and rule["alert"] != "HoldfastPlanLate":
            assert f"for {rule['for'].removesuffix('m')} minutes" in row


def test_the_kinds_of_messages_are_those_of_the_code():
    table = PAGE.partition("| kind | told |")[2].partition("```")[0]
    assert set(re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)) == {kind.value for kind in MessageKind}


def test_the_message_on_the_page_is_what_people_get():
    controller = Controller()
    problem = RunProblem(what="the repository cannot be opened", why="wrong password", next="Correct the Secret.")
    controller.after(bad(0, errors=[problem]), failures=1, lastSuccess=at(-24))
    (message,) = controller.messages
    assert f"```\n{message.title}\n\n{message.body}\n```" in PAGE


def example_urls(tmp_path):
    (block,) = re.findall(r"```\n(# The app ntfy.*?)```", PAGE, re.DOTALL)
    (tmp_path / "urls").write_text(block)
    return read_urls(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules that Apprise's plugins import
def test_apprise_takes_the_urls_of_the_examples(tmp_path):
    urls = example_urls(tmp_path)
    assert len(urls) == 3
    for url in urls:
        assert apprise.Apprise().add(url), url
