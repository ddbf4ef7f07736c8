"""Two real processes that run a plan for the same scheduled time, and such that are killed: one good backup comes of them."""

import random
import shutil

import pytest
from tests.faults.doomed import KILLED, ended, moments, start
from tests.plan_lab import define_plans, make_plan
from tests.restore_lab import Lab, config_map
from tests.sample_repository import check_all, init, read_files, reopen

from holdfast.model.cancel import Cancel
from holdfast.operations.catalog import read_catalog
from holdfast.store.local import LocalStore

JOB = "plan-nightly-29932440"
SEED = 20261126


@pytest.fixture(scope="module")
def lab(cluster):
    define_plans(cluster)
    lab = Lab(cluster)
    inside = lab.new_namespace("doubled")
    for number in range(5):
        inside.make(config_map(f"map-{number}"))
    make_plan(cluster, inside.namespace)
    yield inside
    lab.close()


@pytest.fixture
def empty(tmp_path):
    """`empty(name)`: an empty repository."""

    def make(name):
        directory = tmp_path / str(name)
        init(LocalStore(directory))
        return directory

    return make


def run_plan(lab, directory, moment=0, pod="", job=JOB):
    arguments = "backup", "create", "--plan", f"{lab.namespace}/nightly", "--progress", "none"
    environ = {"HOLDFAST_JOB": job} | ({"HOLDFAST_POD_UID": pod} if pod else {})
    return start("SIGKILL", "store", moment, directory, lab.control_plane.kubeconfig, *arguments, environ=environ)


def backups(directory):
    """Of a repository that is whole, and whose backups can be read."""
    repository = reopen(LocalStore(directory))
    assert check_all(repository).errors == []
    entries = read_catalog(repository).backups
    for entry in entries:
        assert "backup.json" in read_files(repository, entry.id)
    return entries


def assert_one_is_made_in_the_end(lab, directory):
    code, output, errors = ended(run_plan(lab, directory))
    assert code == 0, errors
    [entry] = backups(directory)
    assert entry.name == "nightly-20261129-1000"
    assert (entry.name in output, entry.outcome) == (True, "done")
    with reopen(LocalStore(directory)).lock(Cancel(), exclusive=True):  # no dead lock is in the way
        pass


def test_side_by_side(lab, empty, restics, say):
    made = 0
    for number in range(6):
        directory = empty(number)
        children = [run_plan(lab, directory, pod=f"pod-{pod}") for pod in range(3)]
        outcomes = [ended(child) for child in children]
        assert [code for code, _, _ in outcomes] == [0, 0, 0], outcomes
        [entry] = backups(directory)
        assert all(entry.name in output for _, output, _ in outcomes)
        made += sum("is there already" not in output for _, output, _ in outcomes)
        restics[number % 2].check(directory)
    say(f"6 times 3 processes side by side: {made} made a backup, the others found it")
    assert made == 6


def test_runs_by_hand_side_by_side_have_names_of_their_own(lab, empty):
    directory = empty("by-hand")
    children = [run_plan(lab, directory, job="") for _ in range(4)]
    assert [ended(child)[0] for child in children] == [0, 0, 0, 0]
    assert len({entry.name for entry in backups(directory)}) == 4


def test_one_is_killed_at_every_operation_of_the_store_and_the_retry_makes_the_backup(lab, empty, restics, say):
    code, _, errors = ended(run_plan(lab, empty("alive")))
    assert code == 0, errors
    total = moments(errors)
    published = 0
    for moment in range(1, total + 1):
        directory = empty(moment)
        code, _, errors = ended(run_plan(lab, directory, moment))
        assert code == KILLED, (moment, errors)
        published += len(backups(directory))
        assert_one_is_made_in_the_end(lab, directory)
        if moment % 8 == 0:
            restics[moment // 8 % 2].check(directory)
        shutil.rmtree(directory)
    say(f"{total} kills, {published} of them after the backup was published; each time one backup came of it")
    assert 2 <= published < total / 2


def test_one_of_two_side_by_side_is_killed_at_any_moment(lab, empty, say):
    code, _, errors = ended(run_plan(lab, empty("alive")))
    assert code == 0, errors
    total = moments(errors)
    chance, killed = random.Random(SEED), 0
    for number in range(12):
        directory = empty(number)
        doomed, other = run_plan(lab, directory, chance.randrange(1, total + 1)), run_plan(lab, directory)
        code, _, errors = ended(doomed)  # first: until somebody asks for its exit code, a killed process is there
        assert code in (0, KILLED), errors
        killed += code == KILLED
        code, _, errors = ended(other)
        assert code == 0, errors
        assert_one_is_made_in_the_end(lab, directory)
    say(f"{killed} of 12 were killed beside another one (seed {SEED}); each time one backup came of it")
    assert killed > 0
