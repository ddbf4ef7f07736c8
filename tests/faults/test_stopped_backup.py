"""A real backup that is stopped (SIGSTOP) at each operation of its store for longer than its lock lives and a prune waits.

Meanwhile all that it relies on is forgotten and pruned. When it goes on it fails loudly, or what it publishes is whole: whether
its clocks show what happened, or show nothing, as after a pause of the whole machine.
"""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest
from tests.faults import rubbish
from tests.faults.doomed import ended, is_stopped, moments, start
from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up as back_up_here
from tests.operations.files_harness import below, restore
from tests.sample_repository import check_all, init, reopen

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.backup_details import delete_backups
from holdfast.operations.catalog import read_catalog
from holdfast.repository.prune import prune
from holdfast.store.local import LocalStore

LOUD = ("the repository's lock was lost", "the snapshot is not published")


@pytest.fixture(scope="module", autouse=True)
def _small():
    with rubbish.small_repositories():
        yield


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("tree") / "tree"
    for number in range(12):
        file = tree / f"{number // 4}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"%d " % number * 400)
    return tree


@pytest.fixture(scope="module")
def prepared(tree, tmp_path_factory):
    """A repository with a backup of the tree, most of which is still like this."""
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    init(LocalStore(directory))
    back_up_here(reopen(LocalStore(directory)), tree, name="first")
    for number in range(4):
        (tree / "new" / f"{number}").parent.mkdir(exist_ok=True)
        (tree / "new" / f"{number}").write_bytes(b"new %d " % number * 300)
    return directory


def back_up(tree, directory, moment, clock):
    arguments = "backup", "files", tree, "--name", "second", "--progress", "none"
    environ = {**rubbish.SMALL, "HOLDFAST_TEST_CLOCK": str(clock)}
    return start("SIGSTOP", "store", moment, directory, "/dev/null", *arguments, environ=environ)


def remove_everything(directory):
    """As two later days would: with a prune that marks, and one that removes."""
    for days in (2, 4):
        repository = reopen(LocalStore(directory), clock=rubbish.Shifted(days * rubbish.DAY))
        delete_backups(
            repository, [entry for entry in read_catalog(repository).backups if entry.name == "first"], Cancel()
        )
        prune(repository, rubbish.ALL, Cancel(), Silent())


def stop(tree, prepared, tmp_path, restics, clock_shows, moment):
    """Returns the exit code."""
    directory = shutil.copytree(prepared, tmp_path / str(moment))
    clock = directory.with_suffix(".clock")
    clock.write_text("0")
    child = back_up(tree, directory, moment, clock)
    assert is_stopped(child)
    remove_everything(directory)
    if clock_shows:
        clock.write_text(str(4 * 24 * 3600))
    child.send_signal(signal.SIGCONT)
    code, _, errors = ended(child)

    repository = reopen(LocalStore(directory), clock=rubbish.Shifted(4 * rubbish.DAY))
    assert check_all(repository).errors == []
    restics[moment % 2].check(directory)
    published = [entry for entry in read_catalog(repository).backups if entry.name == "second"]
    assert code == 0 or any(text in errors for text in LOUD), (moment, code, errors)
    assert len(published) == (code == 0), (moment, code, errors)
    for entry in published:
        assert_restored(repository, entry, tree, directory.with_suffix(".target"))
    run = back_up_here(repository, tree, name="third")
    assert_restored(repository, read_catalog(repository).find_backup(run.id), tree, directory.with_suffix(".target"))
    for days in (5, 7):
        repository = reopen(LocalStore(directory), clock=rubbish.Shifted(days * rubbish.DAY))
        prune(repository, rubbish.ALL, Cancel(), Silent())
    assert check_all(repository).errors == []
    rubbish.assert_tidy(repository)
    shutil.rmtree(directory)
    return code


def assert_restored(repository, entry, tree, target):
    assert restore(repository, SimpleNamespace(id=entry.id.hex()), target).errors == []
    assert contents(below(target, tree)) == contents(tree)
    shutil.rmtree(target)


@pytest.mark.parametrize("clock_shows", [True, False], ids=["the clock shows it", "the clocks show nothing"])
def test_at_every_operation_of_the_store(tree, prepared, tmp_path, restics, say, clock_shows):
    clock = tmp_path / "clock"
    clock.write_text("0")
    code, _, errors = ended(back_up(tree, shutil.copytree(prepared, tmp_path / "alive"), 0, clock))
    assert code == 0, errors
    total = moments(errors)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(partial(stop, tree, prepared, tmp_path, restics, clock_shows), range(1, total + 1)))
    loud = sum(code != 0 for code in codes)
    say(f"backup: {len(codes)} stops of {total} operations, {loud} failed loudly, 0 blobs lost")
    assert len(codes) == total
    assert 0 < loud < total  # before it has a lock it just works
