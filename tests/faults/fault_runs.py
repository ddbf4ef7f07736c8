"""The life of a small repository on a store that gives way: what must hold afterwards, whatever the store did.

    with tiny_repositories():
        counts = run(seed)                              # any kinds of faults that fit together
        counts += run(seed, ["flip", "cut"])

A run makes a repository, then does some of OPERATIONS, each as a command would: opening the repository anew. An operation ends
well, says what it lacks, or raises one of our errors; anything else comes out of `run`, and the seed repeats it. Afterwards all
that was published is looked at through the sound store below. To add an operation, write a function of a World and enter it in
OPERATIONS.
"""

import os
import random
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from unittest import mock

from tests.operations.file_trees import contents
from tests.operations.files_harness import back_up, below
from tests.sample_repository import check_all, init, reopen

from holdfast.errors import DamagedData, HoldfastError, StoreRefused, StoreUnavailable
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.run import Outcome
from holdfast.operations.backup_details import delete_backups, find_backups
from holdfast.operations.catalog import read_catalog
from holdfast.operations.restore_files import RestoreFilesOptions, restore_files
from holdfast.repository import lock, writer
from holdfast.repository.lock_file import remove_stale_locks
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import NodeType, content_ids, subtree_id
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.store.retrying import RetryingStore
from holdfast.testing.faulty_store import KINDS, WRITE_LIES, FaultyStore, SeededFaults
from holdfast.testing.manual_clock import ManualClock

PLACES = {"*": 0.08, "data*": 0.25, "index*": 0.25, "snapshots*": 0.25, "locks*": 0.25}
"""Which files and directories the faults of a run befall, and about how many of the calls."""

PACK = 20_000  # bytes
BLOBS_PER_INDEX = 12
STEPS = 8
LOCAL = 4  # one run in so many is in a directory, the others are in memory


@dataclass
class Counts:
    """What happened in one run, or in many."""

    runs: int = 0
    operations: int = 0  # that were begun
    loud: int = 0  # of them, those that said what they lack, or raised
    faults: Counter = field(default_factory=Counter)  # by kind
    restored: int = 0  # backups, each equal to what was backed up
    refused: int = 0  # backups that a store lost behind its lie, and that no restore called whole
    lost: int = 0  # blobs and snapshots of them; check found them all
    lost_without_a_lie: int = 0

    def __iadd__(self, other):
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    def __str__(self):
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        lied = f"; a lie cost {self.lost} blobs, all found" if self.lost else ""
        return (
            f"{self.runs} runs, {self.operations} operations ({self.loud} failed loudly), {self.faults.total()} faults "
            f"({faults}), {self.restored} backups restored{lied}; lost without a lie: {self.lost_without_a_lie}"
        )


@contextmanager
def tiny_repositories():
    """Packs and index files so small that few files make many of them, no waiting for competitors, no files left behind."""
    with ExitStack() as changes, tempfile.TemporaryDirectory() as scratch:
        changes.enter_context(mock.patch.dict(writer.PACK_SIZE, dict.fromkeys(BlobType, PACK)))
        changes.enter_context(mock.patch.object(writer, "FULL_AT", BLOBS_PER_INDEX))
        changes.enter_context(mock.patch.object(lock, "SETTLE", 0))
        changes.enter_context(mock.patch.object(tempfile, "tempdir", scratch))
        yield


class World:
    """One run's repository, what is backed up into it, and what is known about its backups."""

    def __init__(self, seed, kinds, scratch):
        self.random = random.Random(seed)
        self.scratch = scratch
        self.source = scratch / "source"
        self.source.mkdir()
        self.truth = MemoryStore() if self.random.randrange(LOCAL) else LocalStore(scratch / "repository")
        init(self.truth)
        place, rate = list(PLACES.items())[seed % len(PLACES)]
        self.retried = "truncate" in kinds or seed % 2 == 0
        rates = dict.fromkeys(kinds, rate * self.random.uniform(0.5, 2) / len(kinds))
        error = StoreUnavailable if self.retried else StoreRefused
        faults = SeededFaults(seed, rates, error=error, seconds=0.01, name=place)
        self.faulty = FaultyStore(self.truth, faults, sleep=lambda _: None)
        self.made = {}  # name of a backup, also of one that failed: {path: content} that it has if it was published
        self.promised = set()  # names of backups that were reported as done

    def open(self):
        """The repository, through the faults."""
        store = self.faulty
        if self.retried:  # its clock stands still, so that it never gives up
            store = RetryingStore(store, cancel=Cancel(), clock=ManualClock(), sleep=lambda _: None)
        return reopen(store)

    def change_files(self):
        for _ in range(self.random.randrange(1, 12)):
            path = self.source / self.random.choice("abcd") / str(self.random.randrange(8))
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self.random.randbytes(self.random.choice((0, 10, 3000, 15_000))))
        if self.random.randrange(4) == 0:
            (self.source / "long").write_bytes(self.random.randbytes(1_500_000))


def make_backup(world):
    world.change_files()
    name = f"backup-{len(world.made)}"
    world.made[name] = contents(world.source)
    run = back_up(world.open(), world.source, name=name)
    if run.outcome is Outcome.DONE:
        world.promised.add(name)
    return run.errors


def list_backups(world):
    catalog = read_catalog(world.open())
    assert {entry.name for entry in catalog.backups} <= set(world.made)
    return catalog.damaged


def check_repository(world):
    return check_all(world.open()).errors


def restore_backup(world):
    repository = world.open()
    names = sorted(entry.name for entry in read_catalog(repository).backups)
    return restored(world, repository, world.random.choice(names)) if names else []


def delete_backup(world):
    repository = world.open()
    names = sorted(entry.name for entry in read_catalog(repository).backups)
    if names:
        name = world.random.choice(names)
        world.promised.discard(name)
        delete_backups(repository, find_backups(repository, [name]), Cancel())


def unlock(world):
    repository = world.open()
    remove_stale_locks(repository.store, repository.key, repository.clock, all_locks=True)


OPERATIONS = {make_backup: 4, list_backups: 1, check_repository: 1, restore_backup: 2, delete_backup: 1, unlock: 1}
"""How often each is chosen. An operation returns what it lacks, or raises; with nothing in that it claims that all went well."""


def restored(world, repository, name):
    """Restores a backup; returns what the restore said it lacks. If that is nothing, all is as it was."""
    target = world.scratch / "target"
    try:
        entry = read_catalog(repository).find_backup(name)
        options = RestoreFilesOptions(target=os.fsencode(target))
        run = restore_files(repository, entry, options, Cancel(), Silent())
        if not run.errors:
            assert contents(below(target, world.source)) == world.made[name], name
        return run.errors
    finally:
        shutil.rmtree(target, ignore_errors=True)


def run(seed, kinds=None):
    """One run, from beginning to end; AssertionErrors say what does not hold."""
    if kinds is None:
        kinds = random.Random(seed).sample(KINDS, 4)
    with tempfile.TemporaryDirectory() as scratch:
        world = World(seed, kinds, Path(scratch))
        counts = Counts(runs=1, operations=STEPS)
        for step in range(STEPS):
            [operation] = world.random.choices(list(OPERATIONS), list(OPERATIONS.values())) if step else [make_backup]
            try:
                counts.loud += bool(operation(world))
            except HoldfastError:
                counts.loud += 1
        world.faulty.close()
        counts.faults += world.faulty.happened
        _look_at_the_truth(world, counts)
    return counts


def _look_at_the_truth(world, counts):
    repository = reopen(world.truth)
    lied = world.faulty.happened.keys() & set(WRITE_LIES)
    errors = check_all(repository).errors
    lost = lost_blobs(repository)
    counts.lost = len(lost)
    catalog = read_catalog(repository)
    if lost:
        assert errors, "check does not see what is lost"
    if not lied:
        counts.lost_without_a_lie = len(lost)
        assert (errors, lost) == ([], set())
        assert world.promised <= {entry.name for entry in catalog.backups}
    for entry in catalog.backups:
        missing = _try_to_restore(world, repository, entry.name)
        assert lied or not missing, missing
        counts.restored += not missing
        counts.refused += bool(missing)
    if lied:
        unlock_truly(repository)
    world.faulty, world.retried = world.truth, False  # the weather is fine again, and the next run needs no hand
    assert not make_backup(world)
    assert not restored(world, reopen(world.truth), list(world.made)[-1])


def _try_to_restore(world, repository, name):
    try:
        return restored(world, repository, name)
    except HoldfastError as error:
        return [error]


def unlock_truly(repository):
    """Half a lock is in everybody's way until somebody who knows better removes it."""
    remove_stale_locks(repository.store, repository.key, repository.clock, all_locks=True)


def lost_blobs(repository):
    """What published snapshots refer to and nobody can read: ids of blobs, and of snapshots that are damaged themselves."""
    lost, seen, waiting = set(), set(), []
    for snapshot_id, snapshot in repository.snapshots():
        if isinstance(snapshot, DamagedData):
            lost.add(snapshot_id)
        else:
            waiting.append(BlobId.parse(snapshot.tree))
    while waiting:
        tree = waiting.pop()
        if tree in seen:
            continue
        seen.add(tree)
        try:
            nodes = repository.reader.load_tree(tree)
        except HoldfastError:
            lost.add(tree)
            continue
        waiting += [subtree_id(node) for node in nodes if node.type is NodeType.DIRECTORY]
        for blob_id in {blob_id for node in nodes for blob_id in content_ids(node)} - seen:
            seen.add(blob_id)
            try:
                repository.reader.load(BlobType.DATA, blob_id)
            except HoldfastError:
                lost.add(blob_id)
    return lost
