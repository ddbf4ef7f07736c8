"""Who may work beside whom: ours at work, ours pruning, ours sweeping, and restic, which knows shared and exclusive only."""

import datetime as dt
import os
import subprocess
import time
from contextlib import ExitStack

import pytest
from tests.repository.pruning import content, names, prune, timed_repository, write
from tests.sample_repository import init, reopen, write_files

from holdfast.errors import RepositoryLocked
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.repository import lock as lock_module
from holdfast.repository import sealed
from holdfast.repository.lock_file import FoundLock, Holder, LockFile, Role, conflict, list_locks
from holdfast.store.local import LocalStore
from holdfast.testing.manual_clock import ManualClock

TIME = "2026-11-26T12:00:00+00:00"
MINUTE = 60


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.0)


def lock_file(role=None, *, exclusive=False, run="one", started=TIME, time=TIME, claim=""):
    """Of ours with a role, of restic without."""
    holder = Holder(run=run, started=started, role=role, claim=claim) if role is not None else None
    return LockFile(time=time, exclusive=exclusive, hostname="elsewhere", pid=1, holdfast=holder)


KINDS = {
    "work": lock_file(Role.WORK),
    "alone": lock_file(Role.WORK, exclusive=True),
    "prune": lock_file(Role.PRUNE),
    "sweep": lock_file(Role.SWEEP, exclusive=True),
    "claim": lock_file(Role.CLAIM, claim="this"),
    "other claim": lock_file(Role.CLAIM, claim="that"),
    "restic": lock_file(),
    "restic alone": lock_file(exclusive=True),
}
BESIDE = {  # who goes on while these are held, in both directions
    "work": {"work", "prune", "sweep", "claim", "other claim", "restic"},
    "alone": set(),
    "prune": {"work", "claim", "other claim", "restic"},
    "sweep": {"work", "claim", "other claim"},
    "claim": {"work", "prune", "sweep", "other claim", "restic"},
    "restic": {"work", "prune", "claim", "other claim", "restic"},
    "restic alone": set(),
}


@pytest.mark.parametrize("theirs", KINDS)
@pytest.mark.parametrize("ours", ["work", "alone", "prune", "sweep", "claim"])
def test_who_may_work_beside_whom(ours, theirs):
    holder = KINDS[ours].holdfast
    mine = lock_file(holder.role, exclusive=KINDS[ours].exclusive, run="another", claim=holder.claim)
    assert conflict(mine, KINDS[theirs]) == (theirs not in BESIDE[ours])


@pytest.mark.parametrize("ours", ["work", "alone", "prune", "sweep"])
def test_a_lock_that_cannot_be_read_excludes_everybody(ours):
    assert conflict(KINDS[ours], None)


def test_one_run_may_hold_several_locks():
    assert not conflict(lock_file(Role.SWEEP, exclusive=True), lock_file(Role.PRUNE))
    assert conflict(lock_file(Role.SWEEP, exclusive=True), lock_file(Role.PRUNE, run="two"))


# what locks say of when their holder began


def test_a_lock_says_when_its_run_began_and_restics_does_not():
    late = lock_file(Role.WORK, time="2026-11-27T12:00:00+00:00")
    assert FoundLock(LockId.of(b""), late).began() == dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
    assert FoundLock(LockId.of(b""), lock_file()).began() is None
    assert FoundLock(LockId.of(b""), None).began() is None


def test_a_refreshed_lock_keeps_its_run_and_its_beginning(store):
    clock = ManualClock()
    repository = init(store, clock=clock)
    with repository.lock(Cancel(), role=Role.PRUNE) as lock:
        (first,) = list_locks(store, repository.key)
        for _ in range(5):
            clock.advance(20 * MINUTE)
            lock._write()
        (found,) = list_locks(store, repository.key)
        assert found.id != first.id
        assert found.file.time == clock.now().isoformat()
        assert found.file.holdfast == first.file.holdfast
        assert found.file.holdfast.role is Role.PRUNE
        assert found.began() == dt.datetime.fromisoformat(first.file.time)
        assert lock.run == found.file.holdfast.run


def test_two_locks_have_two_runs_unless_one_is_beside_the_other(store):
    repository = init(store)
    with repository.lock(Cancel()) as one, repository.lock(Cancel()) as other:
        assert one.run != other.run
        with repository.lock(Cancel(), role=Role.PRUNE, beside=one) as third:
            assert third.run == one.run


@pytest.mark.parametrize("started", ["", "yesterday"])
def test_a_lock_without_a_proper_beginning_counts_as_unreadable(store, started):
    repository = init(store)
    sealed.save(store, repository.key, lock_file(Role.WORK, started=started), LockId)
    (found,) = list_locks(store, repository.key)
    assert found.file is None


@pytest.mark.parametrize("holder", [{"role": "cook"}, {"run": 3}, []])
def test_a_lock_of_ours_that_we_do_not_understand_counts_as_unreadable(store, holder):
    """That of a later version, perhaps: nobody knows what it excludes."""
    repository = init(store)
    document = {"time": TIME, "exclusive": False, "hostname": "x", "pid": 1}
    document["holdfast"] = {"run": "a", "started": TIME, **holder} if isinstance(holder, dict) else holder
    sealed.save(store, repository.key, document, LockId)
    with pytest.raises(RepositoryLocked, match="cannot be read"), repository.lock(Cancel()):
        pytest.fail("it may exclude us")


def test_a_second_prune_is_refused_and_a_backup_is_not(store):
    repository = init(store)
    with repository.lock(Cancel(), role=Role.PRUNE):
        with pytest.raises(RepositoryLocked) as caught, repository.lock(Cancel(), role=Role.PRUNE):
            pytest.fail("two that mark")
        assert caught.value.exit_code == 11
        write_files(repository)


# restic


def locked(restic):
    """How it ends if it finds a lock in its way."""
    return 1 if "0.14" in restic.run("/nowhere", "version") else 11


@pytest.fixture
def held(directory):
    """A repository with a snapshot, and `hold(role)` to hold locks in it until the test ends."""
    repository = init(LocalStore(directory))
    write_files(repository)
    with ExitStack() as stack:

        def hold(role):
            lock = stack.enter_context(repository.lock(Cancel(), role=Role.PRUNE))
            if role is Role.SWEEP:
                stack.enter_context(repository.lock(Cancel(), exclusive=True, role=role, beside=lock))

        yield hold


@pytest.mark.parametrize("command", [("backup", "/dev/null"), ("forget", "--keep-last", "1", "--prune"), ("prune",)])
def test_restic_does_nothing_while_we_sweep(directory, restic, held, command):
    held(Role.SWEEP)
    before = sorted(file.name for file in LocalStore(directory).list("") if not file.name.startswith("locks/"))
    assert "already locked" in restic.run(directory, *command, code=locked(restic))
    after = sorted(file.name for file in LocalStore(directory).list("") if not file.name.startswith("locks/"))
    assert before == after


def test_restic_backs_up_while_we_look_for_rubbish_but_does_not_prune(directory, restic, held):
    held(Role.PRUNE)
    restic.run(directory, "backup", "/dev/null")
    assert "already locked by" in restic.run(directory, "prune", code=locked(restic))


def test_ours_go_on_while_we_sweep(directory, held):
    held(Role.SWEEP)
    write_files(reopen(LocalStore(directory)))


def test_a_running_restic_holds_the_sweep_back_but_not_the_marking(directory, restic):
    repository = timed_repository(LocalStore(directory))
    repository.clock.advance((dt.datetime.now(dt.UTC) - repository.clock.now()).total_seconds())
    old = write(repository, a=content(1))
    write(repository, b=content(2))
    repository.delete_snapshot(old)
    process = subprocess.Popen(
        [restic.binary, "--no-cache", "-q", "-r", directory, "backup", "--stdin"],
        stdin=subprocess.PIPE,
        env={"RESTIC_PASSWORD": "test", "HOME": str(directory.parent), "PATH": os.environ["PATH"]},
    )
    try:
        deadline = time.monotonic() + 20
        while not names(repository.store, "locks"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        report = prune(repository, hours=0)
        assert (report.marked_packs, report.removed_packs) == (2, 0)
        assert f"process {process.pid}" in report.held_back
    finally:
        process.stdin.close()
        process.wait(20)
    report = prune(repository, hours=0)
    assert (report.removed_packs, report.held_back) == (2, "")
    restic.check(directory)
