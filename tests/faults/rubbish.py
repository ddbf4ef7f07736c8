"""A small repository with everything in it that a prune deals with, and what it must look like afterwards."""

import datetime as dt
import random
from contextlib import closing, contextmanager
from typing import NamedTuple
from unittest import mock

from tests.sample_repository import check_all, init, read_files, reopen, write_files

from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock
from holdfast.model.progress import Silent
from holdfast.repository import lock, sweep, writer
from holdfast.repository.lock_file import list_live_locks
from holdfast.repository.pack import BlobType
from holdfast.repository.prune import plan, prune
from holdfast.repository.prune_plan import Action, PruneOptions
from holdfast.store.local import LocalStore

PACK = 5_000  # bytes
FILE = 1_100
MANY_INDEX_FILES = 6
DAY = dt.timedelta(days=1)
ALL = PruneOptions(max_unused=0)
SMALL = {
    "HOLDFAST_TEST_PACK": str(PACK),
    "HOLDFAST_TEST_INDEX_FILES": str(MANY_INDEX_FILES),
    "HOLDFAST_TEST_SETTLE": "0",
}
"""The same for a child: see `doomed_holdfast`."""


class Shifted(SystemClock):
    """A clock that is wrong."""

    def __init__(self, by):
        self.by = by

    def now(self):
        return super().now() + self.by


@contextmanager
def small_repositories():
    """Packs of a few files, index files that are soon too many, and no waiting for competitors."""
    with (
        mock.patch.dict(writer.PACK_SIZE, dict.fromkeys(BlobType, PACK)),
        mock.patch.object(sweep, "_MANY_FILES", MANY_INDEX_FILES),
        mock.patch.object(lock, "SETTLE", 0),
    ):
        yield


class Filled(NamedTuple):
    expected: dict[SnapshotId, dict[str, bytes]]  # what snapshots have, and must go on having
    gone: dict[str, bytes]  # files that no snapshot has any more, and that are still stored


def fill(directory):
    """Makes the repository.

    The next prune has packs of each kind to deal with: see `Action`.
    """
    store = LocalStore(directory)
    init(store)
    chance = random.Random(20261126)

    def files(name, count=8):
        return {f"{name}/{number}": chance.randbytes(FILE) for number in range(count)}

    def written(content):
        return write_files(reopen(store), content)

    def marked(*snapshots, days):
        """Removes the snapshots, and marks what only they used, so many days ago."""
        repository = reopen(store, clock=Shifted(-days * DAY))
        for one in snapshots:
            repository.delete_snapshot(one)
        prune(repository, PruneOptions(max_unused=1, grace=30 * DAY), Cancel(), Silent())

    kept = files("kept")
    partly = files("partly", 16)
    some = {path: content for number, (path, content) in enumerate(sorted(partly.items())) if number % 3 == 0}
    again = files("again")
    expected = {written(kept): kept, written({**kept, **some}): {**kept, **some}}  # a pack with a copy of some
    used = written(partly)
    needed_again, old, waiting, rubbish = written(again), files("old"), files("waiting"), files("rubbish")
    snapshot = store.get(f"snapshots/{needed_again}")
    marked(needed_again, written(old), days=3)
    marked(written(waiting), days=0.5)
    store.put(f"snapshots/{needed_again}", [snapshot])  # as a program that reads no marks would
    expected[needed_again] = again
    repository = reopen(store)
    expected[written(some)] = some
    repository.delete_snapshot(used)  # its packs have copies of what the others use
    both = {**files("alone", 12), **files("shared", 3)}
    whole = written(both)
    shared = {path: content for number, (path, content) in enumerate(both.items()) if number % 2}
    expected[written(shared)] = shared
    repository.delete_snapshot(whole)
    repository.delete_snapshot(written(rubbish))
    with repository.lock(Cancel()) as held, closing(repository.writer(held, Cancel())) as unfinished:
        for content in files("unfinished").values():
            unfinished.save(BlobType.DATA, content)
    return Filled(expected, {**old, **waiting, **rubbish, **partly})


def assert_whole(directory, expected, clock=None):
    """All that must be readable is, and check finds nothing. Returns the repository."""
    repository = reopen(LocalStore(directory), clock=clock)
    assert check_all(repository).errors == []
    for snapshot_id, files in expected.items():
        assert read_files(repository, snapshot_id) == files
    return repository


def assert_pruning_ends_well(directory, expected):
    """A prune now and one after the grace period leave nothing that is not needed; nobody has to help."""
    for days in (0, 2):
        clock = Shifted(days * DAY)
        prune(reopen(LocalStore(directory), clock=clock), ALL, Cancel(), Silent())
        repository = assert_whole(directory, expected, clock)
    assert_tidy(repository)


def assert_tidy(repository):
    made = plan(repository, ALL, Cancel(), Silent())
    assert {action for _, action in made.actions} == {Action.KEEP}
    assert made.unused_bytes_left == 0
    assert repository.reload_index().marks == {}
    assert {pack for pack, _ in repository.stored_packs()} == {pack for pack, _ in repository.index.packs()}
    # A dead lock that is in nobody's way may lie there.
    assert list(list_live_locks(repository.store, repository.key, repository.clock)) == []
