"""What is built once, and what happens where it cannot be built."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from testbed import build, cache, programs
from testbed.errors import SetupFailed, ToolMissing

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_TESTBED_CACHE", str(tmp_path / "cache"))


def only_on_path(tmp_path, monkeypatch, go):
    """A PATH on which there is nothing but this `go`; None for not even that."""
    directory = tmp_path / "bin"
    directory.mkdir()
    if go:
        (directory / "go").write_text(f"#!/bin/sh\n{go}\n")
        (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


def test_missing_go_is_named(tmp_path, monkeypatch):
    only_on_path(tmp_path, monkeypatch, None)
    with pytest.raises(ToolMissing, match=r"Go ≥ 1\.25 is missing: no `go` on PATH"):
        build.ensure([programs.ETCD], print)


def test_go_that_is_too_old_is_named_with_its_version(tmp_path, monkeypatch):
    only_on_path(tmp_path, monkeypatch, "echo go version go1.19.8 linux/amd64")
    with pytest.raises(ToolMissing, match=r"go1\.19\.8"):
        build.ensure([programs.ETCD], print)


def test_failed_build_says_why_and_leaves_nothing_that_looks_finished(tmp_path, monkeypatch):
    go = "case $1 in version) echo go version go1.26.0;; *) echo no such module; exit 1;; esac"
    only_on_path(tmp_path, monkeypatch, go)
    with pytest.raises(SetupFailed, match="no such module"):
        build.ensure([programs.ETCD], print)
    assert not cache.has(programs.ETCD.key)


def test_long_builds_are_announced_with_their_place_and_duration(tmp_path, monkeypatch):
    only_on_path(tmp_path, monkeypatch, "echo go version go1.26.0")
    said = []
    build.ensure(programs.control_plane("1.34"), said.append)
    assert said[0].startswith("3 programs are built once")
    assert said[1] == "[1 of 3] building etcd 3.6.14, about 22 s on 2 cores"
    assert said[6].startswith("[3 of 3] built kube-controller-manager 1.34.4 in ")


def test_a_changed_flag_or_version_is_another_program_in_the_cache():
    keys = {program.key for program in programs.EVERYTHING}
    assert len(keys) == len(programs.EVERYTHING)


def test_two_builders_at_once_build_one_time():
    made = []
    entered, go_on = threading.Event(), threading.Event()

    def slow(directory):
        entered.set()
        go_on.wait(20)
        made.append(directory)

    first = threading.Thread(target=cache.provide, args=("key", slow, print))
    first.start()
    assert entered.wait(20)
    said = []

    def say(line):
        said.append(line)
        go_on.set()  # the second has met the lock: the first may finish

    assert cache.provide("key", slow, say) == cache.root() / "key"
    first.join()
    assert len(made) == 1
    assert said == ["waiting for another process that makes key"]


def run_pytest(**environment):
    """One test that needs a server which is not built, where there is no Go."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "PATH"}}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "tests/testbed/test_testbed.py",
            "-k",
            "wrong_secrets",
        ],
        cwd=CHECKOUT,
        env=kept | {"PATH": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_go_tests_are_skipped_and_counted():
    done = run_pytest()
    assert done.returncode == 0
    assert "1 skipped because Go ≥ 1.25 is missing" in done.stdout


def test_without_go_tests_fail_under_ci():
    done = run_pytest(CI="true")
    assert done.returncode == 1
    assert "Go ≥ 1.25 is missing" in done.stdout
