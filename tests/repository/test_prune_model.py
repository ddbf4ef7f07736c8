"""Random lives of a repository: writers, forgetting, time, freezing, prunes in the midst of everything.

After each step every published snapshot is whole; in the end, when everybody has gone, nothing is left that no snapshot needs.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
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

from holdfast.errors import LockLost, NotFound, RepositoryLocked, StoreUnavailable
from holdfast.ids import SnapshotId
from holdfast.repository import lock as lock_module
from holdfast.repository import sealed
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import LockFile, remove_stale_locks
from holdfast.repository.prune_plan import Action
from holdfast.testing.faulty_store import Fault, FaultyStore

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


def at_call(number, action):
    """Faults for a FaultyStore: none, but before this call something happens."""
    count = 0

    def faults(_):
        nonlocal count
        count += 1
        if count == number:
            action()

    return faults


OPTIONS = st.fixed_dictionaries(
    {
        "max_unused": st.sampled_from([0.0, 0.0, 0.05, 0.5, 1.0]),
        "max_repack": st.sampled_from([None, None, 0, 3000]),
        "hours": st.sampled_from([24, 24, 1, 0]),
    }
)
MOMENT = st.integers(1, 45)


class Life(RuleBasedStateMachine):
    writers = Bundle("writers")
    counts = {"published": 0, "refused": 0, "removed": 0, "recovered": 0, "lives": 0}

    @initialize()
    def begin(self):
        self.counts["lives"] += 1
        self.repository = timed_repository()
        self.clock = self.repository.clock
        self.alive = []
        self.published = {}

    @rule(target=writers)
    def open(self):
        return self._open(Writing)

    @rule(target=writers)
    def open_restic(self):
        return self._open(OtherWriting)

    @rule(writer=writers, numbers=st.sets(st.integers(0, UNIVERSE - 1), min_size=1, max_size=4))
    def save(self, writer, numbers):
        if writer in self.alive:
            self._save(writer, *sorted(numbers))

    @rule(writer=consumes(writers))
    def publish(self, writer):
        self._publish(writer)

    @rule(writer=consumes(writers), moment=MOMENT, options=OPTIONS)
    def publish_while_somebody_prunes(self, writer, moment, options):
        """The prune happens between two requests of the run that publishes."""
        if isinstance(writer, OtherWriting):
            return  # restic does not look again: its lock protects it, which is tried by `prune_meanwhile`
        store = FaultyStore(self.repository.store, at_call(moment, lambda: self._prune(options)))
        writer.repository.store = writer.writer._store = writer.lock._store = store
        writer.repository._publisher._store = writer.repository.reader._store = store
        self._publish(writer)

    @rule(writer=consumes(writers))
    def abandon(self, writer):
        if writer in self.alive:
            self.alive.remove(writer)
            writer.end()

    @rule(writer=writers)
    def freeze(self, writer):
        """From now on the run does not refresh its lock; it will publish one day."""
        if writer in self.alive and not isinstance(writer, OtherWriting):
            writer.is_frozen = True

    @rule()
    def unlock_all(self):
        """Somebody removes all locks, although runs go on. For restic's runs that would be data loss, as everybody knows."""
        if not any(isinstance(writer, OtherWriting) for writer in self.alive):
            remove_stale_locks(self.repository.store, self.repository.key, self.clock, all_locks=True)

    @rule(number=st.integers(0, 50))
    def delete_snapshot(self, number):
        if self.published:
            self._delete(sorted(self.published)[number % len(self.published)])

    @rule(seconds=st.sampled_from([MINUTE, 21 * MINUTE, 2 * HOUR, 25 * HOUR, 3 * DAY]))
    def time_goes_by(self, seconds):
        sleep(self.clock, seconds, *(writer for writer in self.alive if not writer.is_frozen))

    @rule(options=OPTIONS)
    def prune(self, options):
        self._prune(options)

    @rule(options=OPTIONS, moment=MOMENT)
    def prune_dies(self, options, moment):
        """From that request on the store answers nothing. So its lock stays for half an hour."""
        dead = Fault("before", times=None)
        count = 0

        def faults(_):
            nonlocal count
            count += 1
            return dead if count >= moment else None

        self._prune(options, FaultyStore(self.repository.store, faults))

    @rule(
        target=writers,
        options=OPTIONS,
        moments=st.lists(MOMENT, min_size=1, max_size=3, unique=True),
        actions=st.randoms(use_true_random=False),
    )
    def prune_meanwhile(self, options, moments, actions):
        """Others begin, save, publish and delete between two requests of a prune."""
        opened = []

        def act():
            choice = actions.choice(["open", "restic", "save", "save", "publish", "publish", "delete", "short"])
            if choice in ("open", "restic", "short"):
                opened.append(self._open(OtherWriting if choice == "restic" else Writing))
            if choice in ("save", "short") and self.alive:
                self._save(self.alive[-1], actions.randrange(UNIVERSE))
            if choice in ("publish", "short") and self.alive:
                self._publish(self.alive[-1])
            if choice == "delete" and self.published:
                self._delete(actions.choice(sorted(self.published)))

        count = 0

        def faults(_):
            nonlocal count
            count += 1
            if count in moments:
                act()

        self._prune(options, FaultyStore(self.repository.store, faults))
        return multiple(*(writer for writer in opened if writer is not None))

    @invariant()
    def everything_published_is_whole(self):
        assert damage(self.repository, read_fraction=0) == []
        assert {SnapshotId.parse(name.rpartition("/")[2]) for name in names(self.repository.store, "snapshots")} == set(
            self.published
        )

    def teardown(self):
        if not hasattr(self, "repository"):
            return
        for writer in [*self.alive]:
            self._publish(writer)
        sleep(self.clock, HOUR)
        for _ in range(3):  # marks what is needed in part, and all else that is not; removes the one, repacks; removes the rest
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

    def _open(self, kind):
        try:
            writer = kind(self.repository)
        except RepositoryLocked:  # restic, while a sweep goes on or after one died
            return multiple()
        writer.is_frozen = False
        self.alive.append(writer)
        return writer

    def _save(self, writer, *numbers):
        try:
            writer.save(**{f"file{number}": content(number) for number in numbers})
        except LockLost:
            self.alive.remove(writer)
            writer.end()
            self.counts["refused"] += 1

    def _publish(self, writer):
        if writer not in self.alive:
            return
        self.alive.remove(writer)
        files = dict(writer.files)
        try:
            self.published[writer.publish()] = files
            self.counts["published"] += 1
        except LockLost:
            self.counts["refused"] += 1

    def _delete(self, snapshot_id):
        self.repository.delete_snapshot(snapshot_id)
        del self.published[snapshot_id]

    def _prune(self, options, store=None):
        try:
            repository = self.repository
            if store is not None:
                repository = reopen(self.repository.store, clock=self.clock)
                repository.store = store
            report = prune(repository, **options)
            self.counts["removed"] += report.removed_packs
            self.counts["recovered"] += report.recovered_packs
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
