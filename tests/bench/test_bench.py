"""That the benchmark runs and judges; what it measures is no matter of tests."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from bench import pods
from bench.differences import DifferencesBench
from bench.row import Row, markdown, table
from bench.sample import samples, stored

ROW = Row(id="speed", what="a thing", values=[90, 110, 100], unit="objects/s", floor=80, goal=120, more_is_better=True)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "floor"),
        ({"goal": 100}, "goal"),
        ({"floor": 101}, "MISSED"),
        ({"more_is_better": False, "floor": 100, "goal": 99}, "floor"),
        ({"more_is_better": False, "floor": 99, "goal": 98}, "MISSED"),
        ({"floor": None, "goal": 100}, "goal"),
        ({"floor": None, "goal": 101}, "short of the goal"),
        ({"goal": None}, "floor"),
        ({"floor": None, "goal": None}, "recorded"),
    ],
)
def test_the_median_is_judged(changes, verdict):
    row = replace(ROW, **changes)
    assert row.verdict == verdict
    assert row.is_missed == (verdict == "MISSED")
    assert verdict in table([row])


def test_a_table_for_the_page_has_a_line_for_each_row():
    header, dashes, line = markdown([ROW]).splitlines()
    assert header.startswith("| what | measured |")
    assert set(dashes) == set("| -")
    assert line == "| a thing | 100 objects/s | 90.0 to 110 | 80.0 | 120 |  | floor |"
    assert header.count("|") == dashes.count("|") == line.count("|")


@pytest.mark.parametrize(("floor", "is_missed"), [(80, True), (None, False)])
def test_a_row_without_values_says_so_and_a_floor_nobody_measured_is_missed(floor, is_missed):
    row = replace(ROW, values=[], floor=floor)
    assert row.verdict == "peer not run"
    assert row.is_missed == is_missed
    assert "peer not run" in table([row])
    assert row.document()["value"] is None


def test_samples_are_the_same_in_every_run_and_of_the_size_that_they_should_have():
    objects = list(samples(2000, "shop"))
    assert objects == list(samples(2000, "shop"))
    sizes = [len(stored(sample)) for sample in objects]
    assert 1200 < sum(sizes) / len(sizes) < 1800
    assert sum(200 <= size <= 3500 for size in sizes) > 0.95 * len(sizes)


def test_the_command_ends_with_0_and_prints_json_when_no_floor_is_missed():
    command = [sys.executable, "-m", "bench", "--row", "help", "--quick", "-o", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    document = json.loads(ended.stdout)
    assert [row["id"] for row in document["rows"]] == ["help"]
    missed = any(row["verdict"] == "MISSED" for row in document["rows"])
    assert ended.returncode == (1 if missed else 0)
    assert document["machine"]["processor"]


def test_backups_restores_and_comparisons_are_measured_beside_bare_requests(cluster, tmp_path):
    bench = DifferencesBench(cluster, tmp_path, count=40, runs=1)
    try:
        bench.prepare()
        backup, unchanged = bench.backup()
        restore, ratio = bench.restore()
        compared = list(bench.rows())
        mixed = list(bench.restore_mixed())
    finally:
        bench.close()
    assert backup.value > 0
    assert len(backup.peer_values) == 1
    assert 0 < unchanged.value < 100
    assert ratio.value == pytest.approx(restore.value / restore.peer_values[0])
    assert [row.id for row in mixed] == ["restore-mixed", "restore-ratio-mixed"]
    assert mixed[1].value == pytest.approx(mixed[0].value / mixed[0].peer_values[0])
    assert [row.id for row in compared] == ["plan", "restore-unchanged", "diff-live", "diff"]
    assert all(row.value > 0 and row.peer.startswith("bare list") and row.floor for row in compared)


def test_the_start_of_a_pod_is_measured(node_cluster, say):  # noqa: ARG001 - where nodes cannot run, nothing is measured
    row = pods.first_object(runs=1, say=say)
    assert row.value > 0
    assert row.floor == 3


def test_a_machine_that_cannot_run_pods_says_so_and_misses_the_floor(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said = []
    row = pods.first_object(runs=1, say=said.append)
    assert row.is_missed
    assert "root is missing" in said[0]
