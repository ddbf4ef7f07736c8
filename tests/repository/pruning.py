"""Prune in tests: repositories with a clock that tests move, packs of known content, and what is in a store."""

import datetime as dt
import io

from tests.sample_repository import TIME, init, reopen

from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.repository import prune as prune_module
from holdfast.repository.check import check
from holdfast.repository.index_file import decode_packs, list_index_files, load_index_files, save_index
from holdfast.repository.lock import Lock
from holdfast.repository.pack import BlobType
from holdfast.repository.prune_plan import PruneOptions
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.tree_builder import TreeBuilder, TreeFile
from holdfast.store.memory import MemoryStore
from holdfast.testing.manual_clock import ManualClock

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def content(number, size=3000):
    """Bytes that do not compress to nothing, the same for the same number."""
    return b"".join(b"%d %d;" % (number, part * part * 7919 % 104729) for part in range(size // 8))


def prune(repository, *, hours=24, **options):
    """One run with a fresh view of the repository, as another process has it; returns its report."""
    again = reopen(repository.store, clock=repository.clock)
    return prune_module.prune(again, PruneOptions(grace=dt.timedelta(hours=hours), **options), Cancel(), Silent())


def plan(repository, *, hours=24, **options):
    again = reopen(repository.store, clock=repository.clock)
    return prune_module.plan(again, PruneOptions(grace=dt.timedelta(hours=hours), **options), Cancel(), Silent())


def timed_repository(store=None):
    return init(store if store is not None else MemoryStore(), clock=ManualClock())


def all_files(store):
    """{name: bytes} of everything but locks."""
    return {file.name: store.get(file.name) for file in store.list("") if not file.name.startswith("locks/")}


def names(store, directory):
    return sorted(file.name for file in store.list(directory))


def packs(store):
    return {name.rpartition("/")[2] for name in names(store, "data")}


def marks(repository):
    return dict(reopen(repository.store, clock=repository.clock).index.marks)


def damage(repository, read_fraction=1):
    """What a check finds; notes are none."""
    again = reopen(repository.store, clock=repository.clock)
    return check(again, read_fraction=read_fraction, cancel=Cancel(), progress=Silent()).errors


class Writing:
    """A run that writes: begun, at work for as long as a test wants, then published or given up.

    Its lock is kept fresh by `sleep`; without, the run was frozen.
    """

    def __init__(self, repository, lock_type=Lock, store=None):
        self.repository = reopen(store or repository.store, clock=repository.clock)
        self.clock = repository.clock
        self.lock = lock_type(self.repository.store, self.repository.key, self.clock, exclusive=False)
        self.lock.begin()
        self.lock.confirm(Cancel())
        self.writer = self.repository.writer(self.lock, Cancel())
        self.files = {}

    def save(self, **files):
        """Stores and lists the contents by now, each blob only if the index does not have it."""
        for name, body in files.items():
            self.files[name] = body
            for chunk in self.repository.chunker.split(io.BytesIO(body)):
                self.writer.save(BlobType.DATA, chunk)
        self.writer.flush()
        return self

    def sleep(self, seconds):
        sleep(self.clock, seconds, self)
        return self

    def publish(self):
        """The snapshot with all that was saved. It is not read or stored again: the run trusts what it found."""
        try:
            builder = TreeBuilder()
            for name, body in self.files.items():
                blobs = b"".join(map(BlobId.of, self.repository.chunker.split(io.BytesIO(body))))
                builder.add([name], TreeFile(blobs, len(body), TIME))
            tree = builder.save(self.writer)
            self.writer.flush()
            snapshot = Snapshot(
                time=self.clock.now().isoformat(), tree=tree.hex(), paths=["/sample"], hostname="cluster"
            )
            return self._save(snapshot)
        finally:
            self.end()

    def end(self):
        self.writer.close()
        self.lock.release()

    def _save(self, snapshot):
        return self.repository.save_snapshot(snapshot, self.lock)


def sleep(clock, seconds, *alive):
    """Lets time go by for runs that keep their locks fresh meanwhile."""
    while seconds > 0:
        step = min(seconds, 20 * MINUTE)
        clock.advance(step)
        for writing in alive:
            writing.lock._write()  # what its thread does every five minutes
        seconds -= step


def write(repository, **files):
    """One snapshot with these files: a pack for their data that is not stored yet, one for the tree."""
    return Writing(repository).save(**files).publish()


def merge_index(repository):
    """What every prune by whatever program does: all that was listed is in a new index file."""
    store, listed = repository.store, list_index_files(repository.store)
    files = [file for _, file in load_index_files(store, repository.key, listed)]
    save_index(store, repository.key, [pack for file in files for pack in decode_packs(file)])
    for index_id in listed:
        store.delete(f"index/{index_id}")
