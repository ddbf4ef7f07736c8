"""Random lives of a repository: writers, forgetting, time, freezing, prunes in the midst of everything.

After each step every published snapshot is whole; in the end, when everybody has gone, nothing is left that no snapshot needs.
"""

import random
from collections import Counter

import pytest
from tests.repository.pruning import (
    DAY,
    HOUR,
    MINUTE,
    Writing,
    content,
    damage,
    marks,
    names,
    packs,
    plan,
    prune,
    sleep,
    timed_repository,
)
from tests.sample_repository import read_files, reopen

from holdfast.errors import LockLost, RepositoryLocked, StoreUnavailable
from holdfast.ids import SnapshotId
from holdfast.repository import lock as lock_module
from holdfast.repository import sealed
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import LockFile, remove_stale_locks
from holdfast.repository.prune_plan import Action
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

UNIVERSE = 6
"""Different contents; so few that runs share most of what they store."""


class OtherLock(Lock):
    """Of a program that does not know our locks: restic."""

    def _file(self, moment):
        ours = super()._file(moment)
        fields = {name: getattr(ours, name) for name in LockFile.__struct_fields__}
        return LockFile(**{**fields, "holdfast": None, "hostname": "elsewhere"})


class OtherWriting(Writing):
    """restic's backup: reads no marks, does not look again."""

    def __init__(self, repository):
        super().__init__(repository, OtherLock)
        self.repository.index._marks = {}

    def _save(self, snapshot):
        return sealed.save(self.repository.store, self.repository.key, snapshot, SnapshotId)


def at_calls(moments, action):
    """Faults for a FaultyStore: none, but before these calls something happens."""
    number = 0

    def faults(_):
        nonlocal number
        number += 1
        if number in moments:
            action()

    return faults


PLACES = 3
SEED = 20261126
LIVES = 40
STEPS = 60
COUNTS = Counter()


class Life:
    """Of one repository, from a seed. Ids are random and requests of a run come in parallel, so no two are quite the same."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.repository = timed_repository()
        self.clock = self.repository.clock
        self.writers = {}  # place: run
        self.published = {}

    def live(self, steps):
        for _ in range(steps):
            step, *_ = self.chance.choices([*KINDS], [*KINDS.values()])
            step(self)
            self.assert_whole()
        self.end()

    # what happens

    def open(self):
        self._open(self._place(), Writing)

    def open_restic(self):
        self._open(self._place(), OtherWriting)

    def save(self):
        self._save(self._place())

    def publish(self):
        self._publish(self._place())

    def publish_while_somebody_prunes(self):
        """The prune happens between two requests of the run that publishes."""
        place = self._place()
        writer = self.writers.get(place)
        if writer is None or isinstance(writer, OtherWriting):
            return  # restic does not look again; what protects it is its lock, see `prune_meanwhile`
        moment, options = self.chance.randint(1, 12), self._options()
        store = FaultyStore(self.repository.store, at_calls([moment], lambda: self._prune(options)))
        writer.repository.store = writer.writer._store = writer.lock._store = store
        writer.repository._publisher._store = writer.repository.reader._store = store
        self._publish(place)

    def abandon(self):
        place = self._place()
        if place in self.writers:
            self.writers.pop(place).end()

    def freeze(self):
        """From now on the run does not refresh its lock; it will publish one day."""
        writer = self.writers.get(self._place())
        if writer is not None and not isinstance(writer, OtherWriting):
            writer.is_frozen = True

    def unlock_all(self):
        """Somebody removes all locks, although runs go on. For restic's that would be the loss of data, as everybody knows."""
        if not any(isinstance(writer, OtherWriting) for writer in self.writers.values()):
            remove_stale_locks(self.repository.store, self.repository.key, self.clock, all_locks=True)

    def delete_snapshot(self):
        if self.published:
            snapshot_id = self.chance.choice([*self.published])
            self.repository.delete_snapshot(snapshot_id)
            del self.published[snapshot_id]

    def time_goes_by(self):
        seconds = self.chance.choice([MINUTE, 21 * MINUTE, 2 * HOUR, 25 * HOUR, 3 * DAY])
        sleep(self.clock, seconds, *(writer for writer in self.writers.values() if not writer.is_frozen))

    def prune(self):
        self._prune(self._options())

    def prune_dies(self):
        """From some request on the store answers nothing. So its lock stays for half an hour."""
        dead = Fault("before", skip=self._moment(), times=None)
        self._prune(self._options(), FaultyStore(self.repository.store, Script(dead)))

    def prune_meanwhile(self):
        """Others begin, save, publish and delete between two requests of a prune."""

        def act():
            if self.chance.random() < 0.5:
                place = self._place()
                self._open(place, self.chance.choice([Writing, OtherWriting]))
                self._save(place)
                self._publish(place)
            else:
                what = [self.open, self.open_restic, self.save, self.publish, self.publish, self.delete_snapshot]
                self.chance.choice(what)()

        moments = {self._moment() for _ in range(3)}
        self._prune(self._options(), FaultyStore(self.repository.store, at_calls(moments, act)))

    # what must hold

    def assert_whole(self):
        assert damage(self.repository, read_fraction=0) == []
        found = {SnapshotId.parse(name.rpartition("/")[2]) for name in names(self.repository.store, "snapshots")}
        assert found == set(self.published)

    def end(self):
        """When everybody has gone, nothing is left after a while that nobody needs."""
        for place in [*self.writers]:
            self._publish(place)
        sleep(self.clock, HOUR)  # until the locks of prunes that died are stale
        for _ in range(3):  # marks rubbish, and what is needed in part; removes the first; removes the rest
            prune(self.repository, max_unused=0.0)
            sleep(self.clock, 25 * HOUR)
        made = plan(self.repository, max_unused=0.0)
        assert {action for _, action in made.actions} <= {Action.KEEP}
        assert sum(pack.unused_bytes for pack, _ in made.actions) == 0
        assert packs(self.repository.store) == {pack.id.hex() for pack, _ in made.actions}
        assert marks(self.repository) == {}
        assert damage(self.repository) == []
        again = reopen(self.repository.store)
        for snapshot_id, files in self.published.items():
            assert read_files(again, snapshot_id) == files

    def _place(self):
        return self.chance.randrange(PLACES)

    def _moment(self):
        """Which of the requests of a prune; the first few open the repository."""
        return self.chance.randint(5, 60)

    def _options(self):
        return {
            "max_unused": self.chance.choice([0.0, 0.0, 0.05, 0.5, 1.0]),
            "max_repack": self.chance.choice([None, None, 0, 3000]),
            "hours": self.chance.choice([24, 24, 1, 0]),
        }

    def _open(self, place, kind):
        if place in self.writers:
            return
        try:
            self.writers[place] = kind(self.repository)
        except RepositoryLocked:
            assert kind is OtherWriting  # a sweep goes on, or one died
        else:
            self.writers[place].is_frozen = False

    def _save(self, place):
        if place not in self.writers:
            return
        numbers = self.chance.sample(range(UNIVERSE), self.chance.randint(1, 4))
        try:
            self.writers[place].save(**{f"file{number}": content(number) for number in numbers})
        except LockLost:
            self.writers.pop(place).end()
            COUNTS["refused"] += 1

    def _publish(self, place):
        if place not in self.writers:
            return
        writer = self.writers.pop(place)
        try:
            self.published[writer.publish()] = dict(writer.files)
            COUNTS["published"] += 1
        except LockLost:
            COUNTS["refused"] += 1

    def _prune(self, options, store=None):
        try:
            repository = self.repository
            if store is not None:
                repository = reopen(self.repository.store, clock=self.clock)
                repository.store = store
            report = prune(repository, **options)
            COUNTS["removed"] += report.removed_packs
            COUNTS["recovered"] += report.recovered_packs
        except (LockLost, RepositoryLocked, StoreUnavailable):
            pass  # a prune that died has left its lock; or dies now


KINDS = {
    Life.open: 6,
    Life.open_restic: 2,
    Life.save: 8,
    Life.publish: 6,
    Life.publish_while_somebody_prunes: 4,
    Life.abandon: 1,
    Life.freeze: 1,
    Life.unlock_all: 1,
    Life.delete_snapshot: 6,
    Life.time_goes_by: 6,
    Life.prune: 4,
    Life.prune_dies: 2,
    Life.prune_meanwhile: 6,
}
"""Each with how often it happens."""


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


def test_random_lives(say):
    for seed in range(SEED, SEED + LIVES):
        try:
            Life(seed).live(STEPS)
        except BaseException as error:
            error.add_note(f"in the life with seed {seed}")
            raise
    counts = ", ".join(f"{number} {what}" for what, number in sorted(COUNTS.items()))
    say(f"prune: {LIVES} lives of a repository, {counts}, 0 snapshots damaged")
    assert min(COUNTS[what] for what in ("published", "recovered", "refused", "removed")) > 0
