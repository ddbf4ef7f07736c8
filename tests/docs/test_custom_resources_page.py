"""docs/custom-resources.md: its fields are those of the models, its manifests are taken, and kubectl prints what it shows."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import subprocess

import pytest
import yaml
from testbed import build, programs
from tests.conftest import needed_tools
from tests.definitions import install_definitions
from tests.docs.custom_resources import PAGE, generated, render
from tests.restore_lab import Lab

from holdfast.api.conditions import ConditionType

TEXT = PAGE.read_text()
SESSIONS = [
    (command, output)
    for block in re.findall(r"^```console\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    for command, output in re.findall(r"^\$ (.*?)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE)
]
MANIFESTS, OF_DATA = re.findall(r"^```yaml\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def ago(**span):
    return f"{dt.datetime.now(dt.UTC) - dt.timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def condition(type_, reason):
    return {"type": type_, "status": "True", "reason": reason, "lastTransitionTime": ago(days=1)}


def statuses():
    """What a controller would have written."""
    return {
        "StorageLocation": {
            "conditions": [condition("Ready", "Reachable")],
            "backups": 31,
            "storedBytes": 73400320,
            "lastChecked": ago(minutes=12),
        },
        "BackupPlan": {
            "conditions": [condition("Healthy", "Done")],
            "nextRun": "2026-11-24T02:17:00Z",
            "lastRun": {"outcome": "done"},
            "lastSuccess": ago(hours=10),
        },
        "Backup": {
            "conditions": [condition("Complete", "Done")],
            "phase": "Done",
            "run": {"outcome": "done", "name": "shop-20261123-051942", "counts": {"objects": 42}},
        },
        "Restore": {
            "conditions": [condition("Complete", "Done")],
            "phase": "Done",
            "run": {"outcome": "done", "counts": {"created": 41, "failed": 0}},
        },
    }


@pytest.fixture(scope="module")
def shop(cluster):
    """A namespace with the objects of the page."""
    lab = Lab(cluster)
    install_definitions(lab.cluster)
    shop = lab.new_namespace("page")
    for manifest in yaml.safe_load_all(MANIFESTS):
        shop.make(manifest)
        if status := statuses().get(manifest["kind"]):
            shop.patch(manifest, {"status": status}, subresource="status")
    yield shop
    lab.close()


@pytest.fixture(scope="module")
def kubectl(shop, say):
    with needed_tools():
        build.ensure([programs.KUBECTL], say)
    base = [programs.KUBECTL.path, f"--kubeconfig={shop.control_plane.kubeconfig}", f"--namespace={shop.namespace}"]

    def run(command):
        program, *arguments = shlex.split(command)
        assert program == "kubectl"
        done = subprocess.run([*base, *arguments], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run


def plain(output):
    """Without widths of columns, and with the ages of objects that a test has just made as good as the page's."""
    lines = [re.sub(r"\s+\d+[smhd](\d+[smh])?$", " AGE", line.rstrip()) for line in output.strip().splitlines()]
    return [" ".join(line.split()) for line in lines if line]


@pytest.mark.parametrize("manifest", yaml.safe_load_all(OF_DATA), ids=lambda one: one["kind"])
def test_what_the_page_says_of_data_is_taken(shop, manifest):
    shop.send("POST", shop.path(manifest).rpartition("/")[0], manifest, {"dryRun": "All", "fieldValidation": "Strict"})


def test_the_fields_are_those_of_the_models():
    """If this fails: python -m tests.docs.custom_resources"""
    assert generated(TEXT) == render()


def test_every_condition_is_explained():
    assert set(re.findall(r"^\| `(\w+)` \| [A-Z]", TEXT, flags=re.MULTILINE)) == {one.value for one in ConditionType}


def test_every_reason_of_the_controller_is_explained():
    code = "".join(path.read_text() for path in (PAGE.parents[1] / "src" / "holdfast" / "controller").rglob("*.py"))
    reasons = {
        found
        for pair in re.findall(r'Blocked\(\s*"(\w+)"|conditions\.set\([^"()]*"(\w+)"', code)
        for found in pair
        if found
    }
    assert len(reasons) > 8
    assert {reason for reason in reasons if f"`{reason}`" not in TEXT} == set()


def test_there_are_sessions():
    assert len(SESSIONS) > 6


@pytest.mark.parametrize(("command", "output"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_kubectl_prints_what_the_page_shows(kubectl, command, output):
    assert plain(kubectl(command)) == plain(output)
