"""SIGKILL of a real `holdfast backup files` with helper processes at work: nothing half is listed, and the next backup works."""

import random
import shutil
import time

import psutil
import pytest
from tests.faults.doomed import KILLED, ended, killed_sometime, moments, start
from tests.helpers_at_work import PROGRAM, make_tree, needs_helpers, wait_until_gone
from tests.operations.file_trees import picture
from tests.operations.files_harness import back_up as back_up_here
from tests.operations.files_harness import below, restore
from tests.sample_repository import check_all, init, reopen

from holdfast.operations.catalog import read_catalog
from holdfast.store.local import LocalStore

SEED = 20261126
MARK = "TEST_OF_KILLED_FILES"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Many small files and a few long ones."""
    needs_helpers()
    return make_tree(tmp_path_factory.mktemp("tree") / "tree", files=1500, size=200)


@pytest.fixture(scope="module")
def prepared(tree, tmp_path_factory):
    """A repository with a backup of some of it."""
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    init(LocalStore(directory))
    back_up_here(reopen(LocalStore(directory)), tree / "000", name="first")
    return directory


@pytest.fixture
def copied(prepared, tmp_path, monkeypatch):
    """`copied(name)`: a fresh copy of the prepared repository."""
    monkeypatch.setenv(MARK, str(tmp_path))
    return lambda name: shutil.copytree(prepared, tmp_path / str(name))


def back_up(tree, directory, moment):
    return start("SIGKILL", "store", moment, directory, "/dev/null", "backup", "files", tree, "--progress", "none")


def helpers(tmp_path):
    """Those of this test's runs, whoever is their parent by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(tmp_path) and PROGRAM in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def assert_next_backup_is_complete(directory, tree, target):
    """Returns how many backups there were before it."""
    repository = reopen(LocalStore(directory))
    assert check_all(repository).errors == []
    before = read_catalog(repository).backups
    assert {entry.outcome for entry in before} == {"done"}
    run = back_up_here(repository, tree)
    assert (run.outcome, run.errors) == ("done", [])
    assert restore(repository, run, target).errors == []
    assert picture(below(target, tree)) == picture(tree)
    assert check_all(repository).errors == []
    shutil.rmtree(target)
    return len(before)


def test_at_every_operation_of_the_store(tree, copied, restics, say, tmp_path):
    living = back_up(tree, copied("alive"), 0)
    seen = set()
    while living.poll() is None:
        seen |= {process.pid for process in helpers(tmp_path)}
        time.sleep(0.02)
    code, _, errors = ended(living)
    assert code == 0, errors
    assert seen  # helpers were at work
    total = moments(errors)

    killed = published = 0
    for moment in range(1, total + 1):
        directory = copied(moment)
        code, _, errors = ended(back_up(tree, directory, moment))
        assert code == KILLED, (moment, errors)
        killed += 1
        wait_until_gone(*helpers(tmp_path))
        restics[moment % 2].run(directory, "check", "--read-data", "--no-lock")
        published += assert_next_backup_is_complete(directory, tree, tmp_path / "target") == 2
        shutil.rmtree(directory)
    say(f"{killed} kills of {total} operations, {published} of them after the backup was published, 0 backups lost")
    assert killed == total > 15
    assert 0 < published < total / 2


def test_at_random_moments_in_one_repository(tree, copied, restics, say, tmp_path):
    directory = copied("repository")

    killed = killed_sometime(lambda: back_up(tree, directory, 0), random.Random(SEED), 6)

    wait_until_gone(*helpers(tmp_path))
    for restic in restics:
        restic.run(directory, "check", "--read-data", "--no-lock")
    assert_next_backup_is_complete(directory, tree, tmp_path / "target")
    say(f"{killed} kills (seed {SEED}), 0 backups lost")
    assert killed > 0
