"""Random lives of a repository: writers, forgetting, time, freezing, prunes in the midst of everything.

After each step every published snapshot is whole; in the end, when everybody has gone, nothing is left that no snapshot needs.
"""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
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


OPTIONS = st.fixed_dictionaries(
    {
        "max_unused": st.sampled_from([0.0, 0.0, 0.05, 0.5, 1.0]),
        "max_repack": st.sampled_from([None, None, 0, 3000]),
        "hours": st.sampled_from([24, 24, 1, 0]),
    }
)
MOMENT = st.integers(5, 60)  # which of the requests of a prune; the first few open the repository
PLACES = 3
PLACE = st.integers(0, PLACES - 1)
COUNTS = Counter()


class Life(RuleBasedStateMachine):
    """What is drawn does not depend on what happened: ids are random, and requests of a run come in parallel."""

    def __init__(self):
        super().__init__()
        self.repository = timed_repository()
        self.clock = self.repository.clock
        self.writers = {}  # place: run
        self.published = {}
        COUNTS["lives"] += 1

    @rule(place=PLACE, kind=st.sampled_from([Writing, Writing, OtherWriting]))
    def open(self, place, kind):
        self._open(place, kind)

    @rule(place=PLACE, numbers=st.sets(st.integers(0, UNIVERSE - 1), min_size=1, max_size=4))
    def save(self, place, numbers):
        self._save(place, *sorted(numbers))

    @rule(place=PLACE)
    def publish(self, place):
        self._publish(place)

    @rule(place=PLACE, moment=st.integers(1, 12), options=OPTIONS)
    def publish_while_somebody_prunes(self, place, moment, options):
        """The prune happens between two requests of the run that publishes."""
        writer = self.writers.get(place)
        if writer is None or isinstance(writer, OtherWriting):
            return  # restic does not look again; what protects it is its lock, see `prune_meanwhile`
        store = FaultyStore(self.repository.store, at_calls([moment], lambda: self._prune(options)))
        writer.repository.store = writer.writer._store = writer.lock._store = store
        writer.repository._publisher._store = writer.repository.reader._store = store
        self._publish(place)

    @rule(place=PLACE)
    def abandon(self, place):
        if place in self.writers:
            self.writers.pop(place).end()

    @rule(place=PLACE)
    def freeze(self, place):
        """From now on the run does not refresh its lock; it will publish one day."""
        writer = self.writers.get(place)
        if writer is not None and not isinstance(writer, OtherWriting):
            writer.is_frozen = True

    @rule()
    def unlock_all(self):
        """Somebody removes all locks, although runs go on. For restic's that would be the loss of data, as everybody knows."""
        if not any(isinstance(writer, OtherWriting) for writer in self.writers.values()):
            remove_stale_locks(self.repository.store, self.repository.key, self.clock, all_locks=True)

    @rule(number=st.integers(0, 50))
    def delete_snapshot(self, number):
        self._delete(number)

    @rule(seconds=st.sampled_from([MINUTE, 21 * MINUTE, 2 * HOUR, 25 * HOUR, 3 * DAY]))
    def time_goes_by(self, seconds):
        sleep(self.clock, seconds, *(writer for writer in self.writers.values() if not writer.is_frozen))

    @rule(options=OPTIONS)
    def prune(self, options):
        self._prune(options)

    @rule(options=OPTIONS, moment=MOMENT)
    def prune_dies(self, options, moment):
        """From that request on the store answers nothing. So its lock stays for half an hour."""
        self._prune(options, FaultyStore(self.repository.store, Script(Fault("before", skip=moment, times=None))))

    @rule(options=OPTIONS, moments=st.sets(MOMENT, min_size=1, max_size=3), seed=st.integers(0, 1 << 20))
    def prune_meanwhile(self, options, moments, seed):
        """Others begin, save, publish and delete between two requests of a prune."""
        chance = random.Random(seed)

        def act():
            place, number = chance.randrange(PLACES), chance.randrange(UNIVERSE)
            what = chance.choice(["all", "all", "restic", "open", "save", "publish", "publish", "delete"])
            if what in ("all", "restic", "open"):
                self._open(place, OtherWriting if what == "restic" else Writing)
            if what in ("all", "restic", "save"):
                self._save(place, number)
            if what in ("all", "publish"):
                self._publish(place)
            if what == "delete":
                self._delete(number)

        self._prune(options, FaultyStore(self.repository.store, at_calls(moments, act)))

    @invariant()
    def everything_published_is_whole(self):
        assert damage(self.repository, read_fraction=0) == []
        assert {SnapshotId.parse(name.rpartition("/")[2]) for name in names(self.repository.store, "snapshots")} == set(
            self.published
        )

    def teardown(self):
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

    def _open(self, place, kind):
        if place in self.writers:
            return
        try:
            self.writers[place] = kind(self.repository)
        except RepositoryLocked:
            assert kind is OtherWriting  # a sweep goes on, or one died
        else:
            self.writers[place].is_frozen = False

    def _save(self, place, *numbers):
        if place not in self.writers:
            return
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

    def _delete(self, number):
        if self.published:
            snapshot_id = [*self.published][number % len(self.published)]
            self.repository.delete_snapshot(snapshot_id)
            del self.published[snapshot_id]

    def _prune(self, options, store=None):
        try:
            repository = self.repository
            if store is not None:
                repository = reopen(self.repository.store, clock=self.clock)
                repository.store = store
            report = prune(repository, **options)
            COUNTS["removed"] += report.removed_packs
            COUNTS["recovered"] += report.recovered_packs
        except (RepositoryLocked, StoreUnavailable):
            pass  # a prune that died has left its lock; or dies now


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


Life.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
