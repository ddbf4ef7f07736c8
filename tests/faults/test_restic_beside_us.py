"""What restic sees while we remove things: after each single change of the store it finds the repository whole."""

import threading

import pytest
from tests.faults import rubbish
from tests.operations.files_harness import back_up
from tests.sample_repository import init, reopen

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.retention import RetentionPolicy
from holdfast.operations.backup_details import delete_backups, find_backups
from holdfast.operations.catalog import read_catalog
from holdfast.operations.forget import ForgetOptions, forget, plan_forget
from holdfast.repository.prune import prune
from holdfast.repository.prune_plan import PruneOptions
from holdfast.store.local import LocalStore
from holdfast.testing.faulty_store import FaultyStore

CHANGES = {"put", "create", "delete"}


class Watched(FaultyStore):
    """After each change restic checks the repository, the two versions in turn, and lists and restores a snapshot."""

    def __init__(self, directory, restics, snapshots=()):
        super().__init__(LocalStore(directory))
        self._directory, self._restics, self._snapshots = directory, restics, sorted(snapshots)
        self._target = directory.with_suffix(".target")
        self._one_at_a_time = threading.Lock()
        self.looks = 0

    def _end(self, call, fault):
        super()._end(call, fault)
        if call.operation in CHANGES:
            with self._one_at_a_time:
                self._look()

    def _look(self):
        restic = self._restics[self.looks % 2]
        assert "no errors were found" in restic.run(self._directory, "check", "--no-lock")
        if self._snapshots:
            snapshot = self._snapshots[self.looks % len(self._snapshots)].hex()
            assert restic.run(self._directory, "ls", "--no-lock", snapshot)
            restic.run(self._directory, "restore", "--no-lock", snapshot, "--target", self._target)
        self.looks += 1


@pytest.fixture(autouse=True)
def _small():
    with rubbish.small_repositories():
        yield


@pytest.mark.parametrize("options", [rubbish.ALL, PruneOptions(max_unused=0, grace=0 * rubbish.DAY)], ids=["24h", "0"])
def test_between_any_two_changes_of_a_prune(options, tmp_path, restics, say):
    directory = tmp_path / "repository"
    expected, _ = rubbish.fill(directory)
    watched = Watched(directory, restics, expected)

    report = prune(reopen(watched), options, Cancel(), Silent())

    assert 0 not in (report.marked_packs, report.recovered_packs, report.repacked_packs, report.removed_packs)
    say(f"prune: restic looked {watched.looks} times, between all changes, and found the repository whole")
    assert watched.looks > 15
    rubbish.assert_pruning_ends_well(directory, expected)


def forget_two(repository):
    options = ForgetOptions(policy=RetentionPolicy(keep_last=1))
    plan = plan_forget(read_catalog(repository), options, repository.clock.now())
    forget(repository, plan, options, Cancel(), Silent())


def delete_two(repository):
    delete_backups(repository, find_backups(repository, ["one", "two"]), Cancel())


@pytest.mark.parametrize("remove", [forget_two, delete_two])
def test_between_any_two_changes_of_a_removal(remove, tmp_path, restics, say):
    directory, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    init(LocalStore(directory))
    for name in ("one", "two", "three"):
        (source / name).write_text(name * 3000)
        back_up(reopen(LocalStore(directory)), source, name=name)
    watched = Watched(directory, restics)

    remove(reopen(watched))

    assert {entry.name for entry in read_catalog(reopen(LocalStore(directory))).entries} == {"three"}
    say(f"{remove.__name__}: restic looked {watched.looks} times, between all changes, and found the repository whole")
    assert watched.looks >= 6  # a lock, two backups, their reports, the lock
