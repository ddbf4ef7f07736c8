"""SIGKILL of a real process at every moment of a backup: nothing that was there is lost, and the next run just works."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults import dying_writer
from tests.sample_repository import check_all, init, read_files, reopen, write_files

from holdfast.errors import NoRepository
from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.repository import writer as writer_module
from holdfast.repository.lock_file import list_locks, own_hostname
from holdfast.repository.pack import BlobType
from holdfast.store.local import LocalStore

ROOT = Path(__file__).parents[2]


def run(directory, die_at):
    """The id of the snapshot of a child that lived; None for one that died as told."""
    child = subprocess.run(
        [sys.executable, dying_writer.__file__, directory, str(die_at)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode == -signal.SIGKILL:
        return None
    assert child.returncode == 0, child.stderr
    return SnapshotId.parse(child.stdout.strip())


def deaths(tmp_path, prepare):
    """(number, directory) for a death before each change of a run; `prepare` fills each directory before it.

    How many changes there are differs a little from run to run: new packs may or may not need new directories.
    """
    lived = 0
    for number in itertools.count(1):
        directory = tmp_path / str(number)
        prepare(directory)
        if run(directory, number) is None:
            yield number, directory
        else:
            lived += 1
        if lived == 5:
            return


def assert_whole(directory, restic):
    """Everything that is reachable can be read, in the eyes of both programs; returns the repository."""
    repository = reopen(LocalStore(directory))
    assert check_all(repository).errors == []
    restic.check(directory)
    return repository


def assert_next_run_works(directory):
    made = dying_writer.back_up(directory)
    repository = reopen(LocalStore(directory))
    assert read_files(repository, made) == dying_writer.FILES
    assert check_all(repository).errors == []
    with repository.lock(Cancel(), exclusive=True):  # no dead lock is in the way
        pass


@pytest.fixture(autouse=True)
def _restored_settings(monkeypatch):
    """`dying_writer` sets them for its own process; here its `back_up` runs beside other tests."""
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, writer_module.PACK_SIZE[BlobType.DATA])
    monkeypatch.setattr(writer_module, "FULL_AT", writer_module.FULL_AT)


def test_a_death_at_any_moment_of_the_first_backup(tmp_path, restics):
    died, unfinished = 0, 0
    for number, directory in deaths(tmp_path, lambda directory: directory.mkdir()):
        try:
            assert_whole(directory, restics[number % 2])
        except NoRepository:
            unfinished += 1
        assert_next_run_works(directory)
        died += 1
    print(f"{died} deaths, {unfinished} of them before there was a repository")  # noqa: T201 - shown by pytest -rP
    assert died > 30
    assert 3 < unfinished < died / 2


def test_a_death_at_any_moment_of_a_later_backup(tmp_path, restics):
    before = {"kept": b"from the first backup", "objects/3.json": dying_writer.FILES["objects/3.json"]}

    def prepare(directory):
        write_files(init(LocalStore(directory)), before)

    died, finished = 0, 0
    for number, directory in deaths(tmp_path, prepare):
        repository = assert_whole(directory, restics[number % 2])
        contents = [read_files(repository, snapshot_id) for snapshot_id in repository.snapshot_ids()]
        assert before in contents
        assert all(content in (before, dying_writer.FILES) for content in contents)
        finished += len(contents) == 2
        left = [found.file for found in list_locks(repository.store, repository.key)]
        assert all(lock.hostname == own_hostname() for lock in left)
        assert_next_run_works(directory)
        died += 1
    print(f"{died} deaths, {finished} of them after the snapshot was in place")  # noqa: T201 - shown by pytest -rP
    assert died > 20
    assert 1 <= finished <= 6


def test_many_deaths_in_one_repository(tmp_path, restics):
    directory = tmp_path / "repository"
    directory.mkdir()
    for number in (3, 8, 8, 13, 17, 17, 21, 25, 30, 30, 35, 40):
        run(directory, number)
    assert_next_run_works(directory)
    for restic in restics:
        assert_whole(directory, restic)
