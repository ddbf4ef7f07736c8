from __future__ import annotations

import io
import sys

import pytest
from demo.stage import CommandFailed, Stage
from rich.console import Console


@pytest.fixture
def shown():
    return io.StringIO()


@pytest.fixture
def stage(shown):
    return Stage(Console(file=shown, width=100, highlight=False))


def test_command_is_shown_before_its_output(stage, shown):
    stage.run("echo", "two words")
    assert shown.getvalue() == "$ echo 'two words'\ntwo words\n"


def test_variables_are_shown_and_reach_commands(stage, shown):
    stage.export({"COLOUR": "dark blue"})
    assert stage.run("sh", "-c", 'echo "$COLOUR"') == "dark blue\n"
    assert shown.getvalue().startswith("$ export COLOUR='dark blue'\n")


def test_long_output_is_cut_in_the_middle_and_given_whole(stage, shown):
    assert len(stage.run("seq", "100", lines=5).splitlines()) == 100
    assert shown.getvalue().splitlines() == ["$ seq 100", "1", "2", "3", "… 95 more lines", "99", "100"]


def test_failed_command_shows_all_it_said(stage, shown):
    with pytest.raises(CommandFailed, match="exit code 3"):
        stage.run("sh", "-c", "seq 100; exit 3", lines=5)
    assert "\n50\n" in shown.getvalue()


def test_holdfast_is_the_one_of_this_environment(stage):
    assert stage.run("holdfast", "--version").startswith("holdfast ")


def test_output_that_looks_like_markup_is_shown_as_it_is(stage, shown):
    stage.run("echo", "[bold]spec.ports[0][/bold]")
    assert "\n[bold]spec.ports[0][/bold]\n" in shown.getvalue()


def test_table_has_the_steps_that_were_finished(stage, shown):
    with stage.step("Open the door"):
        stage.run(sys.executable, "-c", "pass")
    with pytest.raises(ValueError, match="locked"), stage.step("Go in"):
        raise ValueError("locked")
    stage.show_table()
    table = shown.getvalue().partition("WHAT WAS DONE")[2]
    assert "Open the door" in table
    assert "Go in" not in table
