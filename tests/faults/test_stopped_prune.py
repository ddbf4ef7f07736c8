"""A real prune that is stopped (SIGSTOP) at each of its operations, and goes on when others took its lock for dead and wrote."""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from tests.faults import rubbish
from tests.faults.doomed import ended, is_stopped, moments, start
from tests.sample_repository import check_all, reopen, write_files

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository.lock_file import remove_stale_locks
from holdfast.repository.prune import prune
from holdfast.store.local import LocalStore

LOUD = "the repository's lock was lost"


@pytest.fixture(scope="module", autouse=True)
def _small():
    with rubbish.small_repositories():
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A repository with everything to do, what must stay, and a directory with files that only rubbish has."""
    directory = tmp_path_factory.mktemp("prepared") / "repository"
    filled = rubbish.fill(directory)
    for path, content in filled.gone.items():
        file = directory.with_name("gone") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory, filled


def start_prune(directory, moment, clock):
    arguments = "repository", "prune", "--max-unused", "0%", "--progress", "none"
    environ = {**rubbish.SMALL, "HOLDFAST_TEST_CLOCK": str(clock)}
    return start("SIGSTOP", "store", moment, directory, "/dev/null", *arguments, environ=environ)


def others_of_ours(directory, prepared, restic):  # noqa: ARG001 - restic is for the other one
    """Two prunes and a backup; returns the backup and what it has."""
    prune_on(directory, day=2)
    made = write_files(reopen(LocalStore(directory), clock=rubbish.Shifted(2 * rubbish.DAY)), prepared[1].gone)
    prune_on(directory, day=4)
    return {made: prepared[1].gone}


def restics_backup(directory, prepared, restic):
    """It reads no marks, so it uses what the prune is about to remove, if that is listed still."""
    repository = reopen(LocalStore(directory), clock=rubbish.Shifted(2 * rubbish.DAY))
    remove_stale_locks(repository.store, repository.key, repository.clock)
    before = set(repository.snapshot_ids())
    source = prepared[0].with_name("gone")
    restic.run(directory, "backup", "--quiet", source)
    [made] = set(repository.snapshot_ids()) - before
    return {made: {f"{source}/{path}".lstrip("/"): content for path, content in prepared[1].gone.items()}}


def prune_on(directory, day):
    prune(reopen(LocalStore(directory), clock=rubbish.Shifted(day * rubbish.DAY)), rubbish.ALL, Cancel(), Silent())


def stop(prepared, tmp_path, restics, others, moment):
    """Returns the exit code. Once in three times the clock shows how long it was; that is the easier case."""
    directory = shutil.copytree(prepared[0], tmp_path / str(moment))
    clock = directory.with_suffix(".clock")
    clock.write_text("0")
    child = start_prune(directory, moment, clock)
    assert is_stopped(child)
    made = others(directory, prepared, restics[moment // 2 % 2])
    if moment % 3 == 0:
        clock.write_text(str(4 * 24 * 3600))
    child.send_signal(signal.SIGCONT)
    code, _, errors = ended(child)
    assert code == 0 or LOUD in errors, (moment, code, errors)

    expected = prepared[1].expected | made
    rubbish.assert_whole(directory, expected)
    restics[moment // 4 % 2].check(directory)
    for day in (5, 7):
        prune_on(directory, day)
    repository = rubbish.assert_whole(directory, expected, rubbish.Shifted(7 * rubbish.DAY))
    rubbish.assert_tidy(repository)
    assert check_all(repository).errors == []
    shutil.rmtree(directory)
    return code


@pytest.mark.parametrize(("others", "first"), [(others_of_ours, 1), (restics_backup, 2)])
def test_at_every_operation_of_the_store(prepared, tmp_path, restics, say, others, first):
    """Every second one with the one kind of others, the rest with the other."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    code, _, errors = ended(start_prune(shutil.copytree(prepared[0], tmp_path / "alive"), 0, clock))
    assert code == 0, errors
    total = moments(errors)
    with ThreadPoolExecutor(2) as pool:
        each = partial(stop, prepared, tmp_path, restics, others)
        codes = list(pool.map(each, range(first, total + 1, 2)))
    loud = sum(code != 0 for code in codes)
    say(f"prune: {len(codes)} stops of {total} operations, {loud} failed loudly, 0 blobs lost")
    assert len(codes) >= total // 2
    assert 0 < loud < total
