"""Prunes and backups at the same time, in threads that know nothing of each other."""

import datetime as dt
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.repository.pruning import content, damage, names, packs, plan, prune, write
from tests.sample_repository import init, read_files, reopen

from holdfast.errors import LockLost, RepositoryLocked
from holdfast.repository import lock as lock_module
from holdfast.repository import sweep
from holdfast.repository.prune_plan import Action
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore

SEED = 20261126


class Crowd:
    """Three that back up and forget, two that prune all the time."""

    def __init__(self, repository):
        self.repository = repository
        self.published = {}
        self.refused = self.removed = 0
        self._guard = threading.Lock()
        self._done = threading.Event()

    def run(self):
        with ThreadPoolExecutor(5) as pool:
            prunes = [pool.submit(self._prune) for _ in range(2)]
            try:
                for backup in [pool.submit(self._back_up, number) for number in range(3)]:
                    backup.result()
            finally:
                self._done.set()
            for one in prunes:
                one.result()

    def _back_up(self, number):
        chance = random.Random(SEED + number)
        for _ in range(15):
            files = {f"f{one}": content(one) for one in chance.sample(range(8), 3)}
            try:
                snapshot_id = write(self.repository, **files)
            except LockLost:
                self.refused += 1
                continue
            with self._guard:
                self.published[snapshot_id] = files
                if len(self.published) > 4:
                    oldest = next(iter(self.published))
                    self.repository.delete_snapshot(oldest)
                    del self.published[oldest]

    def _prune(self):
        while not self._done.is_set():
            try:
                self.removed += prune(self.repository, hours=0, max_unused=0.0).removed_packs
            except RepositoryLocked:
                self._done.wait(0.01)


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_backups_forgetting_and_prunes_side_by_side(kind, directory, monkeypatch, restic_agrees, say):
    """With no grace at all, and none for clocks either: so a run that begins while marks are stored has its second look only."""
    monkeypatch.setattr(lock_module, "SETTLE", 0.02)
    monkeypatch.setattr(sweep, "CLOCKS_APART", dt.timedelta(0))
    repository = init(MemoryStore() if kind == "memory" else LocalStore(directory))
    crowd = Crowd(repository)
    crowd.run()

    say(f"prune among backups: {crowd.removed} packs removed, {crowd.refused} runs refused, 0 snapshots damaged")
    assert crowd.removed
    assert names(repository.store, "locks") == []
    assert damage(repository) == []
    for snapshot_id, files in crowd.published.items():
        assert read_files(reopen(repository.store), snapshot_id) == files
    for _ in range(2):
        prune(repository, hours=0, max_unused=0.0)
    made = plan(repository, max_unused=0.0)
    assert {action for _, action in made.actions} == {Action.KEEP}
    assert made.unused_bytes_left == 0
    assert packs(repository.store) == {pack.id.hex() for pack, _ in made.actions}
    restic_agrees(repository.store)
