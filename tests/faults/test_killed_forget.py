"""SIGKILL of a real `holdfast backup forget` and `backup delete` at each operation: what is kept stays whole, the rest goes."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest
from tests.faults.doomed import KILLED, ended, moments, start
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below, restore
from tests.sample_repository import check_all, init, reopen

from holdfast.errors import NotFound
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.run import RESTORE_VERBS
from holdfast.operations.backup_details import find_backups
from holdfast.operations.catalog import read_catalog
from holdfast.store.local import LocalStore

NAMES = "one", "two", "three", "four"
KEPT = {"three", "four"}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """What each backup had at its time, by its name: the parts that later ones share are the larger ones."""
    source, copies = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("copies")
    source.mkdir()
    for number in range(30):
        (source / str(number)).write_bytes(b"%d " % number * 500)
    for name in NAMES:
        (source / "changing").write_text(name * 1000)
        (source / name).write_text(name)
        shutil.copytree(source, copies / name)
    return source, copies


@pytest.fixture(scope="module")
def prepared(trees, tmp_path_factory):
    source, copies = trees
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    init(LocalStore(directory))
    for name in NAMES:
        shutil.rmtree(source)
        shutil.copytree(copies / name, source)
        back_up(reopen(LocalStore(directory)), source, name=name, hostname="here")
    return directory


@pytest.fixture
def copied(prepared, tmp_path):
    return lambda name: shutil.copytree(prepared, tmp_path / str(name))


def forget(directory, moment):
    arguments = "backup", "forget", "--keep-last", "2", "--yes", "--progress", "none"
    return start("SIGKILL", "store", moment, directory, "/dev/null", *arguments)


def delete(directory, moment):
    """Of those that are to go what is there still, be it only the report of a backup."""
    repository = reopen(LocalStore(directory))
    there = [name for name in ("one", "two") if is_found(repository, name)]
    arguments = "backup", "delete", *(there or ["--help"]), "--yes", "--progress", "none"
    return start("SIGKILL", "store", moment, directory, "/dev/null", *arguments)


def is_found(repository, name):
    try:
        return find_backups(repository, [name])
    except NotFound:
        return False


def names(repository):
    return {entry.name for entry in read_catalog(repository).backups}


def assert_restored(repository, name, trees, target):
    source, copies = trees
    entry = read_catalog(repository).find_backup(name)
    assert restore(repository, SimpleNamespace(id=entry.id.hex()), target).errors == []
    assert contents(below(target, source)) == contents(copies / name)
    shutil.rmtree(target)


def kill(remove, copied, restics, trees, moment):
    """Returns how many backups it had removed."""
    directory = copied(moment)
    code, _, errors = ended(remove(directory, moment))
    assert code == KILLED, (moment, errors)
    repository = reopen(LocalStore(directory))
    assert check_all(repository).errors == []
    left = names(repository)
    for name in left:
        assert_restored(repository, name, trees, directory.with_suffix(".target"))
    restics[moment % 2].check(directory)
    assert left >= KEPT
    code, _, errors = ended(remove(directory, 0))
    assert code == 0, errors
    repository = reopen(LocalStore(directory))
    rest = [entry for entry in read_catalog(repository).entries if entry.tags.get(tags.VERB) not in RESTORE_VERBS]
    assert {entry.name for entry in rest} == KEPT  # of the others there is no report either
    with repository.lock(Cancel(), exclusive=True):  # no dead lock is in the way
        pass
    shutil.rmtree(directory)
    return len(NAMES) - len(left)


@pytest.mark.parametrize("remove", [forget, delete])
def test_at_every_operation_of_the_store(remove, trees, copied, restics, say):
    code, _, errors = ended(remove(copied("alive"), 0))
    assert code == 0, errors
    total = moments(errors)
    with ThreadPoolExecutor(2) as pool:
        removed = list(pool.map(partial(kill, remove, copied, restics, trees), range(1, total + 1)))
    say(f"{remove.__name__}: {len(removed)} kills of {total} operations, 0 backups lost that were to stay")
    assert len(removed) == total > 15
    assert set(removed) == {0, 1, 2}
