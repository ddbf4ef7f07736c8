import os

import pytest

from holdfast.operations.processors import processors


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "not a limit"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "1\n", "cpu/cpu.cfs_period_us": "0\n"}, None),
    ],
)
def test_a_containers_limit_counts(tmp_path, files, limit):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert processors(tmp_path) == (limit or len(os.sched_getaffinity(0)))


def test_a_limit_above_what_the_machine_has_changes_nothing(tmp_path):
    (tmp_path / "cpu.max").write_text("999900000 100000")
    assert processors(tmp_path) == len(os.sched_getaffinity(0))


def test_there_is_always_one():
    assert processors() >= 1
