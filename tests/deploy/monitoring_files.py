"""The dashboard and the alerts, read; and an exporter that has everything they can ask for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import yaml
from tests.controller.samples import a_backup, a_location, a_plan, a_restore, a_run, condition

from holdfast.controller.metrics.exposition import Exposition
from holdfast.controller.metrics.instruments import Instruments
from holdfast.controller.metrics.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/alerts/holdfast.yaml"
DASHBOARD = ROOT / "deploy/dashboards/holdfast.json"
DAY = 86400.0


def alerts():
    """Every alert of the file."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    """Those that show something; rows only part them."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries():
    """(title of the panel, PromQL as Prometheus gets it from Grafana) of all panels."""
    values = {"$__rate_interval": "1m", "$namespace": ".+", "$plan": ".+"}
    found = []
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in values.items():
                expression = expression.replace(variable, value)
            found.append((panel["title"], expression))
    return found


def metrics_in(expression):
    return set(re.findall(r"\bholdfast_[a-z_]+", expression))


def everything():
    """An Exposition of objects for which every metric has a value: a plan that works, and one that does not."""
    run = a_run(
        started_at="2026-11-26T02:00:00Z",
        counts={"objects": 312},
        bytes={"objects": 1000, "added": 200, "stored": 70},
    )
    works = a_plan(
        lastRun=run,
        lastSuccess="2026-11-26T02:03:10Z",
        nextRun="2026-11-27T02:00:00Z",
        conditions=[condition("Ready")],
    )
    failed = a_run("failed", "2026-11-26T02:00:00Z", started_at="2026-11-26T01:59:00Z")
    fails = a_plan(
        "broken",
        lastRun=failed,
        missed="2026-11-25T02:00:00Z",
        failures=9,
        conditions=[condition("RetentionHeld")],
    )
    location = a_location(
        conditions=[condition("Ready")], lastChecked="2026-11-26T02:00:00Z", backups=2, storedBytes=70
    )
    snapshot = Snapshot(
        plans=[works, fails],
        locations=[location, a_location("broken")],
        backups=[a_backup("Done")],
        restores=[a_restore("Done")],
    )
    instruments = Instruments("cf0e51e1-8ad2-4d5c-9d3c-0a2b9c1a4ad1")
    instruments.lead(True)
    instruments.reconciled("BackupPlan", 0.01, failed=True)
    instruments.watch_restarted("Job")
    instruments.notification_sent("ntfy")
    return Exposition(lambda: snapshot, instruments, lambda _cron, _zone: DAY)


def exported():
    """Names of all series that the exporter gives."""
    text, _ = everything().render()
    return set(re.findall(r"^(\w+)[{ ]", text.decode(), re.MULTILINE))


def read_strictly(program, path):
    """(exit code, what it has against the file) of one of the testbed's readers."""
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
