"""The README tells the truth: its commands are run, one after the other, as somebody would who reads it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from demo.application import Application, delete
from demo.scenario import Place

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.fixture
def other_cluster(second_cluster, user):
    """A second cluster that the user has a kubeconfig for."""
    shutil.copy(second_cluster.kubeconfig, user.home / ".kube" / "other-cluster")
    yield
    with Place("the other", second_cluster.kubeconfig, "shop-copy").connected() as connected:
        delete(user.application, Application(connected, "shop-copy"))


@pytest.mark.usefixtures("other_cluster")
def test_every_command_of_the_readme_works(user):
    outputs = []
    for line in LINES:
        if line == "# the namespace shop was deleted":
            user.lose_application()
        elif line == "# somebody applied the wrong manifest":
            user.make_mistake()
        elif line.startswith("$ "):
            outputs.append(user.type(line.removeprefix("$ ")))
    everything = "\n".join(outputs)
    told = (
        "36 created, 1 updated",
        "38 unchanged",
        "2 created, 3 updated, 2 deleted",
        "no errors were found",
        "38 restorable, 3 left out",
        '"name":"settings"',
    )
    for words in told:
        assert words in everything


def test_exit_codes_are_those_of_the_manual():
    rows = re.compile(r"^\| (\d+) \|", re.MULTILINE)
    manual = (CHECKOUT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert rows.findall(README) == rows.findall(manual)


def test_links_lead_to_pages():
    for page in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^):]+)\)", (CHECKOUT / page).read_text(encoding="utf-8")):
            assert (CHECKOUT / target).exists(), f"{page}: {target}"
