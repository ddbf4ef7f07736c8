"""What the program needs of the system's limits."""

import subprocess

import pytest
from tests.cli.holdfast import PROGRAM
from tests.operations.file_trees import make_deep, picture

LIMITS = "256:4096"  # soft and hard
DEPTH = 1500


@pytest.fixture
def deep(tmp_path):
    make_deep(tmp_path / "source", b"d", DEPTH)
    yield tmp_path / "source"
    subprocess.run(["rm", "-rf", tmp_path / "source", tmp_path / "target"], check=True)  # too deep for pytest


def test_trees_deeper_than_the_soft_limit_of_open_files(stocked, deep, tmp_path):
    def run(*command):
        limited = ["prlimit", f"--nofile={LIMITS}", PROGRAM, *command]
        done = subprocess.run(limited, env=stocked.environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("Missing")) == (0, 0), done.stderr

    run("backup", "files", deep)
    run("restore", "files", "latest", "--target", tmp_path / "target", "--verify")
    assert picture(tmp_path / "target" / deep.relative_to("/")) == picture(deep)
