"""The demonstration of MariaDB, whole: two clusters with nodes, movers, hooks and dumps of Holdfast's own image."""

import io
from contextlib import ExitStack

from demo.mysql.story import WAYS, play
from demo.stage import Stage
from rich.console import Console
from testbed.node_cluster import check_machine
from tests.conftest import needed_tools


def test_all_that_was_acknowledged_is_found_in_another_cluster(tmp_path):
    with needed_tools():
        check_machine()
    shown = io.StringIO()
    stage = Stage(Console(file=shown, width=160, highlight=False))
    try:
        with ExitStack() as running:
            proof = play(stage, running, tmp_path)
    except Exception as error:
        raise AssertionError(shown.getvalue()) from error
    assert [line.what for line in proof.lines] == [way.title for way in WAYS]
    assert all(line.acknowledged > 100_000 for line in proof.lines)
