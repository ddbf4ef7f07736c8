"""SIGKILL of a real `holdfast repository prune` at each operation: nothing that is needed is lost, no rubbish stays for ever."""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from tests.faults import rubbish
from tests.faults.doomed import KILLED, ended, moments, start
from tests.sample_repository import reopen

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository.prune import plan
from holdfast.repository.prune_plan import Action
from holdfast.store.local import LocalStore

SEED = 20261126


@pytest.fixture(scope="module", autouse=True)
def _small():
    with rubbish.small_repositories():
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A repository with everything to do, and what must stay."""
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    return directory, rubbish.fill(directory).expected


@pytest.fixture
def copied(prepared, tmp_path):
    return lambda name: shutil.copytree(prepared[0], tmp_path / str(name))


def prune(directory, moment, *flags):
    arguments = "repository", "prune", "--max-unused", "0%", "--progress", "none", *flags
    return start("SIGKILL", "store", moment, directory, "/dev/null", *arguments, environ=rubbish.SMALL)


def living(directory, *flags):
    """How many moments a prune has that nobody kills."""
    code, _, errors = ended(prune(directory, 0, *flags))
    assert code == 0, errors
    return moments(errors)


def kill(copied, restics, expected, flags, moment):
    directory = copied(moment)
    code, _, errors = ended(prune(directory, moment, *flags))
    assert code == KILLED, (moment, errors)
    rubbish.assert_whole(directory, expected)
    restics[moment % 2].check(directory)
    rubbish.assert_pruning_ends_well(directory, expected)
    if moment % 8 == 0:
        restics[moment // 8 % 2].check(directory)
    shutil.rmtree(directory)


def test_there_is_everything_to_do(prepared):
    made = plan(reopen(LocalStore(prepared[0])), rubbish.ALL, Cancel(), Silent())
    assert {action for _, action in made.actions} == set(Action)
    assert any(pack.type is None for pack in made.packs(Action.MARK))  # of a run that died


@pytest.mark.parametrize("flags", [(), ("--grace", "0")], ids=["after the grace period", "without one"])
def test_at_every_operation_of_the_store(prepared, copied, restics, say, flags):
    total = living(copied("alive"), *flags)
    with ThreadPoolExecutor(2) as pool:
        killed = len(list(pool.map(partial(kill, copied, restics, prepared[1], flags), range(1, total + 1))))
    say(f"prune: {killed} kills of {total} operations, 0 blobs lost")
    assert killed == total > 100


def test_again_and_again_in_one_repository(prepared, copied, restics, say):
    directory, chance = copied("repository"), random.Random(SEED)
    total = living(copied("alive"))
    killed = 0
    while (code := ended(prune(directory, chance.randrange(1, total)))[0]) == KILLED:
        killed += 1
        rubbish.assert_whole(directory, prepared[1])
        assert killed < 100
    assert code == 0
    for restic in restics:
        restic.check(directory)
    rubbish.assert_pruning_ends_well(directory, prepared[1])
    say(f"prune: {killed} kills one after the other (seed {SEED}), 0 blobs lost")
    assert killed > 0
