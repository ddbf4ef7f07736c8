"""`backup files` and `restore files` whose helper processes are killed or stopped, and runs that are stopped meanwhile."""

import signal

import pytest
from tests.helpers_at_work import caught, is_gone, make_tree, needs_helpers, wait_until_gone
from tests.operations.file_trees import contents
from tests.operations.files_harness import below

TEMPORARY = "/.holdfast-"
STOPPED = pytest.mark.parametrize(
    ("number", "wakes"),
    [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGINT, False)],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C, one helper does not answer"],
)
ENDED = "a process that worked on files for this run ended"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    needs_helpers()
    return make_tree(tmp_path_factory.mktemp("tree") / "tree")


@pytest.fixture
def backed_up(stocked, tree):
    stocked("backup", "files", tree, "--name", "whole")
    return stocked


def half_files(target, tree):
    """Names in the target of what is not as in the tree."""
    whole = contents(tree)
    return [name for name, content in contents(below(target, tree)).items() if whole.get(name) != content]


def assert_restores(stocked, tree, target):
    stocked("restore", "files", "whole", "--target", target, "--verify")
    assert contents(below(target, tree)) == contents(tree)


def assert_backs_up(stocked, tree, target, outcome):
    """The run that went wrong is listed and published nothing; the next one does its work."""
    (failed,) = stocked("backup", "list", "-o", "json").document
    assert failed["outcome"] == outcome
    assert "phase read files" in stocked("backup", "show", failed["run"], "--log").out
    stocked("backup", "files", tree, "--name", "whole")
    assert_restores(stocked, tree, target)


def test_a_helper_is_killed_in_a_backup(stocked, repository, tree, tmp_path):
    running = stocked.start("backup", "files", tree)
    with caught(running.process.pid, str(tree)) as helper:
        helper.kill()
    done = running.end()
    assert (done.code, *done.problem[:2]) == (1, ENDED, "it ended with signal 9")
    assert "ran out of memory" in done.problem[2]
    assert list((repository / "locks").iterdir()) == []
    assert_backs_up(stocked, tree, tmp_path / "target", "failed")


def test_a_helper_is_killed_in_a_restore_and_leaves_no_half_file(backed_up, repository, tree, tmp_path):
    target = tmp_path / "target"
    running = backed_up.start("restore", "files", "whole", "--target", target)
    with caught(running.process.pid, TEMPORARY) as helper:
        helper.kill()
    done = running.end()
    assert (done.code, *done.problem[:2]) == (1, ENDED, "it ended with signal 9")
    assert half_files(target, tree) == []
    assert list((repository / "locks").iterdir()) == []
    (failed,) = backed_up("restore", "list", "-o", "json").document
    assert failed["outcome"] == "failed"
    assert_restores(backed_up, tree, target)


def assert_stops(running, helper, wakes):
    """The run ends by the signal that it got, while a helper is in the middle of something; `wakes`: and may go on with it."""
    heard = running.wait_for("Stopping at the next safe point")
    if wakes:
        helper.send_signal(signal.SIGCONT)
    done = running.end(heard)
    assert done.code == 130
    assert "Stopped: cancelled" in done.err
    assert is_gone(helper)


@STOPPED
def test_a_backup_is_stopped_with_helpers_at_work(stocked, repository, tree, tmp_path, number, wakes):
    running = stocked.start("backup", "files", tree)
    with caught(running.process.pid, str(tree)) as helper:
        running.interrupt(number)
    assert_stops(running, helper, wakes)
    assert list((repository / "locks").iterdir()) == []
    assert_backs_up(stocked, tree, tmp_path / "target", "cancelled")


@STOPPED
def test_a_restore_is_stopped_with_helpers_at_work(backed_up, repository, tree, tmp_path, number, wakes):
    target = tmp_path / "target"
    running = backed_up.start("restore", "files", "whole", "--target", target)
    with caught(running.process.pid, TEMPORARY) as helper:
        running.interrupt(number)
    assert_stops(running, helper, wakes)
    assert list((repository / "locks").iterdir()) == []
    assert half_files(target, tree) == []
    assert_restores(backed_up, tree, target)


def test_all_processes_of_a_run_are_told_to_end_at_once(stocked, tree, tmp_path):
    running = stocked.start("backup", "files", tree)
    with caught(running.process.pid, str(tree)) as helper:
        helper.send_signal(signal.SIGTERM)
        running.interrupt(signal.SIGTERM)
    assert_stops(running, helper, wakes=True)
    assert_backs_up(stocked, tree, tmp_path / "target", "cancelled")


def test_a_restore_is_killed_with_helpers_at_work(backed_up, tree, tmp_path):
    target = tmp_path / "target"
    running = backed_up.start("restore", "files", "whole", "--target", target)
    with caught(running.process.pid, TEMPORARY) as helper:
        running.process.kill()
    helper.send_signal(signal.SIGCONT)
    running.end()
    wait_until_gone(helper)
    own = f".holdfast-{running.process.pid}-"  # of the process that was killed: --delete removes it
    assert [name for name in half_files(target, tree) if own not in name] == []
    backed_up("restore", "files", "whole", "--target", target, "--delete", "--verify")
    assert contents(below(target, tree)) == contents(tree)
