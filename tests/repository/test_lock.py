import datetime as dt
import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.sample_repository import init, reopen, write_files

from holdfast.codec.crypto import SealingKey
from holdfast.errors import Cancelled, LockLost, RepositoryLocked, StoreUnavailable
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock
from holdfast.repository import lock as lock_module
from holdfast.repository import sealed
from holdfast.repository.lock import held
from holdfast.repository.lock_file import LockFile, Role, list_locks, own_hostname, remove_stale_locks
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock

KEY = SealingKey.random()
MINUTE = 60


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch, request):
    if "race" not in request.node.name:
        monkeypatch.setattr(lock_module, "SETTLE", 0.0)


@pytest.fixture(scope="module")
def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def names(store):
    return sorted(file.name for file in store.list("locks"))


def others_lock(store, clock, *, key=KEY, age=0, **fields):
    """The lock of another program on another machine."""
    file = {"exclusive": False, "hostname": "elsewhere", "username": "somebody", "pid": 1, **fields}
    file.setdefault("time", (clock.now() - dt.timedelta(seconds=age)).isoformat())
    return sealed.save(store, key, LockFile(**file), LockId)


def take(store, clock, *, exclusive=False, key=KEY):
    return held(store, key, clock, Cancel(), exclusive=exclusive)


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


# taking and giving back


def test_a_lock_is_a_file_while_it_is_held_and_none_afterwards(store, clock):
    with take(store, clock):
        (found,) = list_locks(store, KEY)
        assert found.file == LockFile(
            time=clock.now().isoformat(),
            exclusive=False,
            hostname=own_hostname(),
            username=found.file.username,
            pid=os.getpid(),
            uid=os.getuid(),
            gid=os.getgid(),
        )
    assert names(store) == []


def test_a_lock_is_given_back_when_the_block_fails(store, clock):
    with pytest.raises(ZeroDivisionError), take(store, clock):
        raise ZeroDivisionError
    assert names(store) == []


def test_a_cancelled_wait_leaves_no_lock(store, clock, monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 60.0)
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled), held(store, KEY, clock, cancel, exclusive=False):
        pytest.fail("never confirmed")
    assert names(store) == []


def test_a_store_that_refuses_the_removal_does_not_fail_a_finished_run(clock):
    store = MemoryStore()
    with take(FaultyStore(store, Script(Fault("before", "delete", "locks/*", times=None))), clock):
        pass
    assert len(names(store)) == 1


def test_no_thread_is_left_behind(store, clock):
    with take(store, clock):
        assert "holdfast-lock" in {thread.name for thread in threading.enumerate()}
    assert "holdfast-lock" not in {thread.name for thread in threading.enumerate()}


def test_a_pods_lock_is_named_by_its_uid(store, clock, monkeypatch):
    monkeypatch.setenv("HOLDFAST_POD_UID", "6d1ea9b2")
    with take(store, clock):
        (found,) = list_locks(store, KEY)
        assert found.file.hostname == "6d1ea9b2"


# conflicts


@pytest.mark.parametrize(("theirs", "ours"), [(True, False), (True, True), (False, True)])
def test_exclusive_excludes(store, clock, theirs, ours):
    with take(store, clock, exclusive=theirs):
        before = names(store)
        with pytest.raises(RepositoryLocked) as caught, take(store, clock, exclusive=ours):
            pytest.fail("two locks that exclude each other")
        assert caught.value.exit_code == 11
        assert names(store) == before


def test_shared_locks_may_be_many(store, clock):
    with take(store, clock), take(store, clock), take(store, clock):
        assert len(names(store)) == 3


def test_the_holder_is_named(store, clock):
    others_lock(store, clock, exclusive=True, pid=4711)
    with pytest.raises(RepositoryLocked, match="exclusively by process 4711 of somebody on elsewhere since 2026"):
        take(store, clock).__enter__()


def test_a_lock_that_cannot_be_read_excludes(store, clock):
    store.put(f"locks/{LockId.of(b'?')}", [b"?"])
    with pytest.raises(RepositoryLocked, match="cannot be read"), take(store, clock):
        pytest.fail("it may be exclusive")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_lock_without_a_proper_time_counts_as_unreadable(store, clock, text):
    others_lock(store, clock, time=text)
    with pytest.raises(RepositoryLocked, match="cannot be read"), take(store, clock):
        pytest.fail("nobody can tell whether it is stale")


def test_empty_and_foreign_files_are_no_locks(store, clock):
    store.put(f"locks/{LockId.of(b'')}", [b""])
    store.put("locks/README", [b"hello"])
    with take(store, clock, exclusive=True):
        pass


def test_a_lock_that_is_released_while_being_listed_is_none(clock):
    class Vanishing(MemoryStore):
        def list(self, directory):
            for file in list(super().list(directory)):
                self.delete(file.name)
                yield file

    store = Vanishing()
    others_lock(store, clock, exclusive=True)
    assert list(list_locks(store, KEY)) == []


# stale locks


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_lock_older_than_30_minutes_is_stale(store, clock, exclusive):
    others_lock(store, clock, exclusive=exclusive, age=30 * MINUTE + 1)
    with take(store, clock, exclusive=True):
        pass


def test_a_lock_of_30_minutes_is_not_yet_stale(store, clock):
    others_lock(store, clock, age=30 * MINUTE)
    with pytest.raises(RepositoryLocked), take(store, clock, exclusive=True):
        pytest.fail("its holder may live")


def test_a_lock_of_a_dead_process_here_is_stale_at_once(store, clock, dead_pid):
    others_lock(store, clock, exclusive=True, hostname=own_hostname(), pid=dead_pid)
    with take(store, clock, exclusive=True):
        pass


def test_a_dead_pid_says_nothing_about_another_machine(store, clock, dead_pid):
    others_lock(store, clock, exclusive=True, pid=dead_pid)
    with pytest.raises(RepositoryLocked), take(store, clock):
        pytest.fail("the process runs elsewhere")


@pytest.mark.parametrize("pid", [os.getpid(), 1, 1 << 40])
def test_a_pid_that_exists_or_cannot_be_asked_for_is_alive(store, clock, pid):
    others_lock(store, clock, exclusive=True, hostname=own_hostname(), pid=pid)
    with pytest.raises(RepositoryLocked), take(store, clock):
        pytest.fail("it may be held")


def test_unlock_removes_stale_locks_only(store, clock, dead_pid):
    old = others_lock(store, clock, age=31 * MINUTE)
    dead = others_lock(store, clock, hostname=own_hostname(), pid=dead_pid)
    kept = others_lock(store, clock, age=29 * MINUTE)
    assert {found.id for found in remove_stale_locks(store, KEY, clock)} == {old, dead}
    assert names(store) == [f"locks/{kept}"]


def test_unlock_of_all_removes_every_lock_also_what_cannot_be_read(store, clock):
    others_lock(store, clock)
    store.put(f"locks/{LockId.of(b'?')}", [b"?"])
    assert len(remove_stale_locks(store, KEY, clock, all_locks=True)) == 2
    assert names(store) == []


# refreshing


@pytest.fixture
def refreshing(monkeypatch):
    monkeypatch.setattr(lock_module, "REFRESH_EVERY", 0.01)


@pytest.mark.usefixtures("refreshing")
def test_a_lock_is_replaced_by_a_fresh_one_again_and_again(store, clock):
    with take(store, clock) as lock:
        for _ in range(3):
            clock.advance(20 * MINUTE)
            wait_until(lambda: [f.file.time for f in list_locks(store, KEY)] == [clock.now().isoformat()])
            lock.check()
    assert names(store) == []


@pytest.mark.usefixtures("refreshing")
def test_a_refreshed_lock_still_excludes_and_does_not_exclude_itself(store, clock):
    with take(store, clock) as lock:
        first = names(store)
        wait_until(lambda: names(store) != first)
        with pytest.raises(RepositoryLocked), take(store, clock, exclusive=True):
            pytest.fail("held since before")
        lock.confirm(Cancel())


@pytest.mark.usefixtures("refreshing")
def test_a_passing_fault_of_the_store_does_not_lose_the_lock(clock):
    store = MemoryStore()
    faulty = FaultyStore(store, Script(Fault("before", "put", "locks/*", skip=1, times=5)))
    with take(faulty, clock) as lock:
        wait_until(lambda: len([call for call in faulty.calls if call.operation == "put"]) > 8)
        lock.check()
        clock.advance(20 * MINUTE)
        wait_until(lambda: [f.file.time for f in list_locks(store, KEY)] == [clock.now().isoformat()])
    assert names(store) == []


@pytest.mark.usefixtures("refreshing")
def test_an_old_file_that_could_not_be_deleted_is_deleted_later(clock):
    store = MemoryStore()
    faulty = FaultyStore(store, Script(Fault("before", "delete", "locks/*", times=4)))
    with take(faulty, clock) as lock:
        wait_until(lambda: len([call for call in faulty.calls if call.operation == "delete"]) > 8)
        lock.check()
    assert names(store) == []


def test_files_that_could_not_be_deleted_are_deleted_at_the_release(clock):
    store = MemoryStore()
    with take(FaultyStore(store, Script(Fault("before", "delete", "locks/*"))), clock) as lock:
        with pytest.raises(StoreUnavailable):
            lock._write()
        assert len(names(store)) == 2
    assert names(store) == []


def test_a_lock_is_good_for_22_and_a_half_minutes_without_refresh(store, clock):
    with take(store, clock) as lock:
        clock.advance(22.5 * MINUTE)
        lock.check()
        clock.advance(1)
        with pytest.raises(LockLost):
            lock.check()


def test_a_process_that_was_stopped_too_long_does_not_hide_it_by_a_refresh(store, clock):
    with take(store, clock) as lock:
        before = names(store)
        clock.advance(40 * MINUTE)
        lock._write()  # what the thread does when the process goes on
        assert names(store) == before
        with pytest.raises(LockLost):
            lock.check()


@pytest.mark.usefixtures("refreshing")
def test_a_lost_lock_stays_lost(store, clock):
    with take(store, clock) as lock:
        clock.advance(40 * MINUTE)
        for _ in range(20):
            with pytest.raises(LockLost):
                lock.check()
            time.sleep(0.005)
    assert names(store) == []


def test_a_refresh_that_takes_too_long_loses_the_lock(clock):
    slow = FaultyStore(
        MemoryStore(),
        Script(Fault("delay", "put", "locks/*", skip=1, seconds=23 * MINUTE)),
        sleep=clock.advance,
    )
    with take(slow, clock) as lock:
        lock._write()
        with pytest.raises(LockLost):  # the time in the file is that of the beginning
            lock.check()


def test_a_machine_that_slept_lost_its_lock_though_its_monotonic_clock_stood_still(store):
    class Sleeping(ManualClock):
        asleep = dt.timedelta()

        def now(self):
            return super().now() + self.asleep

    clock = Sleeping()
    with take(store, clock) as lock:
        clock.asleep = dt.timedelta(minutes=40)
        with pytest.raises(LockLost):
            lock.check()


def test_a_released_lock_protects_nothing(store, clock):
    with take(store, clock) as lock:
        pass
    with pytest.raises(LockLost):
        lock.check()


# beside a sweep


def test_nothing_is_swept_while_a_check_reads(store, clock):
    with held(store, KEY, clock, Cancel(), exclusive=False, role=Role.CHECK):
        with take(store, clock):
            pass  # backups go on
        with pytest.raises(RepositoryLocked):
            held(store, KEY, clock, Cancel(), exclusive=True, role=Role.SWEEP).__enter__()


def test_a_check_waits_for_a_sweep_and_a_backup_does_not(store, clock):
    with held(store, KEY, clock, Cancel(), exclusive=True, role=Role.SWEEP):
        with take(store, clock):
            pass
        with pytest.raises(RepositoryLocked):
            held(store, KEY, clock, Cancel(), exclusive=False, role=Role.CHECK).__enter__()


# taken for dead


def test_whoever_takes_a_lock_for_dead_removes_it_and_its_holder_sees_that(store, clock):
    later = ManualClock()
    later.advance(31 * MINUTE)
    with take(store, clock) as lock:
        lock.prove()
        with take(store, later, exclusive=True):
            lock.check()  # its clocks show nothing
            with pytest.raises(LockLost, match="removed its file"):
                lock.prove()
        with pytest.raises(LockLost):
            lock.check()


def test_a_shared_lock_leaves_a_dead_shared_one_alone(store, clock):
    dead = others_lock(store, clock, age=31 * MINUTE)
    with take(store, clock):
        assert f"locks/{dead}" in names(store)


def test_a_refresh_after_the_removal_does_not_hide_it(store, clock):
    with take(store, clock) as lock:
        for name in names(store):
            store.delete(name)
        lock._write()
        with pytest.raises(LockLost):
            lock.check()
    assert names(store) == []


def test_a_refresh_whose_deletion_was_not_answered_loses_nothing(clock):
    store = FaultyStore(MemoryStore(), Script(Fault("after", "delete", "locks/*")))
    with take(store, clock) as lock:
        with pytest.raises(StoreUnavailable):
            lock._write()
        lock.prove()
        lock._write()
        lock.prove()
        assert len(names(store)) == 1


def test_a_refresh_while_the_old_file_is_removed_is_seen(store, clock):
    """The holder's clock is behind, so that the other one takes its new file for dead too."""
    later = ManualClock()
    later.advance(31 * MINUTE)
    with take(store, clock) as lock:

        class Between(MemoryStore):
            def delete(self, name):
                if name in names(store) and len(deleted) == 0:
                    deleted.append(name)
                    lock._write()
                store.delete(name)

        deleted, between = [], Between()
        between.list, between.get, between.put = store.list, store.get, store.put
        with held(between, KEY, later, Cancel(), exclusive=True), pytest.raises(LockLost):
            lock.prove()
        assert deleted


def test_a_refresh_is_not_mistaken_for_a_removal(store, clock):
    with take(store, clock) as lock, ThreadPoolExecutor(1) as pool:
        proving = pool.submit(lambda: [lock.prove() for _ in range(300)])
        while not proving.done():
            lock._write()
        proving.result()


# two at the same moment


class Together(MemoryStore):
    """Lets the first `count` lock files in only when that many programs have looked and want to write theirs."""

    def __init__(self, count):
        super().__init__()
        self._barrier = threading.Barrier(count)

    def put(self, name, parts):
        if name.startswith("locks/"):
            self._barrier.wait(20)
        super().put(name, parts)


def contend(store, exclusive, everyone_is_done):
    try:
        with take(store, SystemClock(), exclusive=exclusive):
            everyone_is_done.wait(20)
            return exclusive
    except RepositoryLocked:
        everyone_is_done.wait(20)
        return None


@pytest.mark.parametrize("kinds", [(True, True), (True, False), (True, True, True), (True, False, False)])
def test_a_race_never_has_two_winners_that_exclude_each_other(kinds):
    store, done = Together(len(kinds)), threading.Barrier(len(kinds))
    with ThreadPoolExecutor(len(kinds)) as pool:
        outcomes = list(pool.map(lambda kind: contend(store, kind, done), kinds))
    winners = [outcome for outcome in outcomes if outcome is not None]
    assert True not in winners or len(winners) == 1
    assert names(store) == []


def test_a_race_of_shared_locks_is_won_by_all():
    store, done = Together(3), threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: contend(store, False, done), range(3))) == [False] * 3


@pytest.mark.parametrize("seed", range(4))
def test_a_race_with_any_delays_has_at_most_one_exclusive_winner(seed):
    delays, store, done = random.Random(seed), MemoryStore(), threading.Barrier(3)

    class Slow(FaultyStore):
        def put(self, name, parts):
            time.sleep(delays.uniform(0, 0.1))
            super().put(name, parts)

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: contend(Slow(store), True, done), range(3)))
    assert outcomes.count(True) <= 1
    assert names(store) == []


# restic


def restics_exit_code(restic):
    return 1 if "0.14" in restic.run("/nowhere", "version") else 11


def test_restic_respects_our_exclusive_lock(directory, restic):
    repository = init(LocalStore(directory))
    write_files(repository)
    with repository.lock(Cancel(), exclusive=True):
        output = restic.run(directory, "backup", "/dev/null", code=restics_exit_code(restic))
        assert "already locked exclusively" in output
    restic.run(directory, "backup", "/dev/null")


def test_restic_respects_our_shared_lock(directory, restic):
    repository = init(LocalStore(directory))
    write_files(repository)
    with repository.lock(Cancel()):
        output = restic.run(directory, "prune", code=restics_exit_code(restic))
        assert "already locked by PID" in output
        restic.run(directory, "backup", "/dev/null")
    restic.run(directory, "prune")


def test_restic_lists_our_locks(directory, restic):
    repository = init(LocalStore(directory))
    with repository.lock(Cancel()):
        (lock_id,) = restic.run(directory, "list", "locks", "--no-lock").split()
        assert f'"hostname": "{own_hostname()}"' in restic.run(directory, "cat", "lock", lock_id, "--no-lock")


def test_restic_removes_our_lock_when_it_is_stale(directory, restic, dead_pid):
    store = LocalStore(directory)
    repository = init(store)
    others_lock(store, SystemClock(), key=repository.key, hostname=own_hostname(), pid=dead_pid)
    others_lock(store, SystemClock(), key=repository.key, age=31 * MINUTE)
    kept = others_lock(store, SystemClock(), key=repository.key)
    restic.run(directory, "unlock")
    assert names(store) == [f"locks/{kept}"]


@pytest.fixture
def backing_up(directory, restic):
    """A restic that holds its shared lock, in the middle of a backup from a pipe."""
    repository = init(LocalStore(directory))
    process = subprocess.Popen(
        [restic.binary, "--no-cache", "-q", "-r", directory, "backup", "--stdin"],
        stdin=subprocess.PIPE,
        env={"RESTIC_PASSWORD": "test", "HOME": str(directory), "PATH": os.environ["PATH"]},
    )
    wait_until(lambda: names(repository.store))
    yield process, repository
    process.stdin.close()
    process.wait(20)


def test_a_running_restic_keeps_us_from_an_exclusive_lock_but_not_from_a_shared_one(backing_up):
    _, repository = backing_up
    with repository.lock(Cancel()):
        pass
    with (
        pytest.raises(RepositoryLocked, match=f"by process {backing_up[0].pid}"),
        repository.lock(Cancel(), exclusive=True),
    ):
        pytest.fail("restic is writing")


def test_the_lock_of_a_killed_restic_is_stale(backing_up):
    process, repository = backing_up
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert len(names(repository.store)) == 1
    with repository.lock(Cancel(), exclusive=True):
        assert len(names(repository.store)) == 1  # the other was in the way, and is removed
    assert names(reopen(repository.store).store) == []
