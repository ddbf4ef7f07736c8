"""Claims: one holder at a time, the living are waited for, the dead are not."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from tests.sample_repository import init, reopen

from holdfast.errors import Cancelled, LockLost, RepositoryLocked
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.repository import claim as claim_module
from holdfast.repository import lock as lock_module
from holdfast.repository import sealed
from holdfast.repository.claim import claimed
from holdfast.repository.lock_file import Holder, LockFile, Role, list_locks
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore

SOON = 30.0  # seconds; only a failing test waits so long


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(lock_module, "SETTLE", 0.01)
    monkeypatch.setattr(claim_module, "_PAUSE", (0.001, 0.02))


@pytest.fixture
def repository():
    return init(MemoryStore())


def claims(repository):
    return [found for found in list_locks(repository.store, repository.key) if found.file.holdfast.role is Role.CLAIM]


def leave_claim(repository, *, hostname="elsewhere", pid=1, time=None):
    """What a process leaves that died with a claim."""
    now = (time or repository.clock.now()).isoformat()
    holder = Holder(run="dead", started=now, role=Role.CLAIM, claim="nightly")
    file = LockFile(time=now, exclusive=False, hostname=hostname, pid=pid, holdfast=holder)
    return sealed.save(repository.store, repository.key, file, LockId)


def dead_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_of_many_one_at_a_time_has_it(repository):
    inside, most, had = [], [], []

    def work(number):
        own = reopen(repository.store)
        with own.lock(Cancel()) as lock, claimed(own, "nightly", lock, Cancel()) as claim:
            inside.append(number)
            most.append(len(inside))
            claim.prove()
            inside.remove(number)
            had.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert sorted(had) == list(range(5))
    assert max(most) == 1
    assert claims(repository) == []


def test_different_things_are_claimed_side_by_side(repository):
    with ExitStack() as held:
        for what in ("nightly", "weekly"):
            own = reopen(repository.store)
            lock = held.enter_context(own.lock(Cancel()))
            held.enter_context(claimed(own, what, lock, Cancel()))
        assert {found.file.holdfast.claim for found in claims(repository)} == {"nightly", "weekly"}


def test_who_waits_can_be_stopped(repository):
    leave_claim(repository)
    cancel = Cancel()
    threading.Timer(0.1, cancel.request).start()
    with repository.lock(Cancel()) as lock, pytest.raises(Cancelled), claimed(repository, "nightly", lock, cancel):
        pass
    assert len(claims(repository)) == 1


def test_a_process_of_this_host_that_died_is_not_waited_for(repository, monkeypatch):
    monkeypatch.setenv("HOLDFAST_POD_UID", "this-pod")
    leave_claim(repository, hostname="this-pod", pid=dead_process())
    with repository.lock(Cancel()) as lock, claimed(repository, "nightly", lock, Cancel()):
        assert len(claims(repository)) == 1


def test_another_pods_claim_is_not_judged_by_this_hosts_processes(repository, monkeypatch):
    """Both pods are process 1 of their own."""
    monkeypatch.setattr(claim_module, "PATIENCE", 0.3)
    monkeypatch.setenv("HOLDFAST_POD_UID", "this-pod")
    left = leave_claim(repository, hostname="other-pod", pid=dead_process())
    tries = []
    monkeypatch.setattr(claim_module, "_rivals", counted(claim_module._rivals, tries))
    with repository.lock(Cancel()) as lock, claimed(repository, "nightly", lock, Cancel()):
        assert left not in {found.id for found in claims(repository)}
    assert len(tries) > 2


def counted(function, calls):
    def counting(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return counting


def test_a_claim_that_is_refreshed_is_waited_for(repository, monkeypatch):
    """Its file changes, so its holder lives, however long it takes."""
    monkeypatch.setattr(claim_module, "PATIENCE", 0.3)
    cancel, seen = Cancel(), []

    def rivals(*arguments):
        for found in claims(repository):
            repository.store.delete(f"locks/{found.id.hex()}")
        leave_claim(repository)
        seen.append(1)
        if len(seen) == 100:
            cancel.request()
        return original(*arguments)

    original = claim_module._rivals
    monkeypatch.setattr(claim_module, "_rivals", rivals)
    leave_claim(repository)
    with repository.lock(Cancel()) as lock, pytest.raises(Cancelled), claimed(repository, "nightly", lock, cancel):
        pass


def test_a_holder_whose_claim_was_taken_away_knows_it_before_it_publishes(repository):
    with repository.lock(Cancel()) as lock, claimed(repository, "nightly", lock, Cancel()) as claim:
        [found] = claims(repository)
        repository.store.delete(f"locks/{found.id.hex()}")
        with pytest.raises(LockLost):
            claim.prove()


def test_what_is_no_claim_and_in_the_way_is_said(repository, monkeypatch):
    monkeypatch.setattr(claim_module, "PATIENCE", 0.1)
    with repository.lock(Cancel()) as lock:
        repository.store.put("locks/" + "0" * 64, [b"nobody can read this"])
        with pytest.raises(RepositoryLocked), claimed(repository, "nightly", lock, Cancel()):
            pass


def test_restic_takes_a_claim_for_a_shared_lock(tmp_path, restics):
    repository = init(LocalStore(tmp_path / "repository"))
    with repository.lock(Cancel()) as lock, claimed(repository, "nightly", lock, Cancel()):
        for restic in restics:
            assert len(restic.run(tmp_path / "repository", "list", "locks", "--no-lock").split()) == 2
            restic.run(tmp_path / "repository", "backup", __file__)
