"""The demonstration of schedules, whole, with pods of Holdfast's own image on a real node."""

import io
import re
from contextlib import ExitStack

from demo.schedule import play
from demo.stage import Stage
from rich.console import Console
from testbed.node_cluster import check_machine
from tests.conftest import needed_tools


def test_scheduled_backups_are_made_forgotten_told_of_and_restored(tmp_path):
    with needed_tools():
        check_machine()
    shown = io.StringIO()
    stage = Stage(Console(file=shown, width=160, highlight=False))
    try:
        with ExitStack() as running:
            play(stage, running, tmp_path)
    except Exception as error:
        raise AssertionError(shown.getvalue()) from error
    text = shown.getvalue()
    assert "all as before" in text
    assert len(re.findall(r"^20[-\d]+ [:\d]+ +schedule +done", text, flags=re.MULTILINE)) >= 3
    assert text.count("A message came: ") == 2
