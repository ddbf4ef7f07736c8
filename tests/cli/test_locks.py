"""Commands in a repository that somebody else is using, or was using when it died."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.holdfast import PASSWORD, wait_until
from tests.sample_repository import init

from holdfast.store.local import LocalStore

HOLDER = """
import sys, time
from pathlib import Path
from tests.sample_repository import reopen
from holdfast.model.cancel import Cancel
from holdfast.store.local import LocalStore
repository = reopen(LocalStore(Path(sys.argv[1])), sys.argv[2])
with repository.lock(Cancel(), exclusive=sys.argv[3] == "exclusive"):
    print("locked", flush=True)
    time.sleep(600)
"""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def made(repository):
    init(LocalStore(repository), PASSWORD)
    return repository


@pytest.fixture
def ready(holdfast, made, cluster):
    return holdfast.but(HOLDFAST_REPOSITORY=made, KUBECONFIG=cluster.kubeconfig)


@pytest.fixture
def locked(made):
    """`locked("exclusive" or "shared") -> process`: another live process that holds a lock."""
    processes = []

    def start(kind):
        command = [sys.executable, "-c", HOLDER, str(made), PASSWORD, kind]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        processes.append(process)
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def locks(repository):
    return sorted((repository / "locks").iterdir())


@pytest.mark.parametrize("command", [("backup", "create", "-n", "default"), ("repository", "check")])
def test_an_exclusive_lock_of_a_live_process_is_11(ready, locked, command):
    holder = locked("exclusive")
    what, why, advice = ready(*command, code=11).problem
    assert what == "the repository is locked"
    assert f"exclusively by process {holder.pid}" in why
    assert "holdfast repository unlock" in advice


def test_a_run_that_met_a_lock_leaves_the_lock_and_tells_where_its_report_is(ready, made, locked, tmp_path):
    locked("exclusive")
    before = locks(made)
    done = ready("backup", "create", "-n", "default", "--quiet", code=11)
    (report,) = tmp_path.glob("holdfast-*/report.json")
    assert str(report.parent) in done.problem[2]
    assert locks(made) == before


def test_looking_needs_no_lock(ready, locked):
    locked("exclusive")
    ready("backup", "list")
    ready("repository", "show")


def test_shared_locks_let_each_other_in(ready, locked):
    locked("shared")
    ready("backup", "create", "-n", "default")


def test_unlock_leaves_the_lock_of_a_live_process(ready, made, locked):
    locked("exclusive")
    assert "0 locks removed" in ready("repository", "unlock").out
    assert len(locks(made)) == 1


def test_unlock_removes_the_lock_of_a_dead_process(ready, made, locked):
    holder = locked("exclusive")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert len(locks(made)) == 1
    assert f"by process {holder.pid}" in ready("repository", "unlock").out
    assert locks(made) == []


def test_unlock_all_removes_every_lock(ready, made, locked):
    locked("shared")
    locked("shared")
    assert "2 locks removed" in ready("repository", "unlock", "--all").out
    assert locks(made) == []


def test_a_backup_removes_the_lock_of_a_dead_process_that_is_in_its_way(ready, made, locked):
    holder = locked("exclusive")
    holder.kill()
    holder.wait()
    ready("backup", "create", "-n", "default")
    wait_until(lambda: not locks(made))
