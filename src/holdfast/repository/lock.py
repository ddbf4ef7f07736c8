"""Holding a lock: taking it, keeping it fresh, noticing that it was lost.

Order of taking one: look for conflicts, write our file, wait until a competitor's file must be visible, look again, withdraw
on conflict. A holder refreshes its lock every 5 minutes (a new file, then the old one is deleted). One that could not do so for
22.5 minutes must treat its lock as lost, because soon others will. Source: restic's internal/repository/lock.go.

Clocks may hide it: those of a machine that was paused as a whole show nothing. So whoever goes on in spite of a stale lock that
is in the way removes its file first, then looks for locks again; a holder that finds its file gone has lost its lock. A refresh
stores the new file before it looks whether the old one is still there: so either the other one sees the new file, or the
holder sees that the old one is gone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from holdfast.codec.crypto import SealingKey
from holdfast.errors import FileMissing, LockLost, RepositoryLocked, StoreError
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.repository import sealed
from holdfast.repository.layout import file_name
from holdfast.repository.lock_file import (
    Holder,
    LockFile,
    Role,
    conflict,
    list_locks,
    own_hostname,
    own_username,
)
from holdfast.store.base import Store

REFRESH_EVERY = 5 * 60.0
LOST_AFTER = 22.5 * 60.0
_NEXT = (
    "Wait for the other run to end. If it died: `holdfast repository unlock` removes its lock 30 minutes after it was "
    "last refreshed, `unlock --all` at once."
)

_MOST_LOOKS = 10

SETTLE = 0.2
"""Seconds between writing a lock and looking for competitors that wrote theirs at the same moment."""


class _Moment(NamedTuple):
    wall: dt.datetime
    monotonic: float  # seconds


class Lock:
    """A lock that this process holds; a thread keeps it fresh until `release`."""

    def __init__(
        self,
        store: Store,
        key: SealingKey,
        clock: Clock,
        *,
        exclusive: bool,
        role: Role = Role.WORK,
        run: str = "",
        claim: str = "",
    ) -> None:
        """`run` is that of another lock of the same holder, beside which this one may be held."""
        self._store = store
        self._key = key
        self._clock = clock
        self.exclusive = exclusive
        self.run = run or secrets.token_hex(8)
        self._role = role
        self._claim = claim
        self._holder: Holder | None = None
        self.not_removed: StoreError | None = None
        """Why a file of this lock stays in the repository after `release`, until it is stale; None if none does."""
        self._ids: list[LockId] = []  # the last one is valid; those before it are still to be deleted
        self._deleted: set[LockId] = set()  # those of them that the store was told to delete, and may have deleted
        self._files = threading.Lock()  # held while they change
        self.began_at = 0.0  # `time.monotonic` just before the first file was stored
        self._written_at = 0.0  # real time, for the wait in `confirm`
        self._refreshed: _Moment | None = None
        self._is_lost = False
        self._released = threading.Event()
        self._confirmed = threading.Lock()
        self._is_confirmed = False
        self._thread = threading.Thread(target=self._keep_fresh, name="holdfast-lock", daemon=True)

    def begin(self) -> None:
        """Looks for conflicts and writes the lock's file. The lock protects only once `confirm` returned.

        Raises RepositoryLocked.
        """
        self._refuse_conflicts()
        self.began_at = time.monotonic()
        self._write()
        self._thread.start()

    def confirm(self, cancel: Cancel) -> None:
        """Waits until a competitor's file must be visible and looks again; later calls return at once.

        Raises RepositoryLocked after withdrawing the lock.
        """
        with self._confirmed:
            if self._is_confirmed:
                return
            rest = self._written_at + SETTLE - time.monotonic()
            if rest > 0:
                cancel.wait(rest)
            try:
                self._refuse_conflicts()
            except BaseException:
                self.release()
                raise
            self._is_confirmed = True

    def check(self) -> None:
        """Raises LockLost if others may already treat this lock as dead, as far as the clocks tell."""
        if not self._ids or self._is_lost or self._is_overdue(self._moment()):
            raise LockLost("the repository's lock was lost", why="it could not be refreshed for 22 minutes")

    def prove(self) -> None:
        """Raises LockLost if others may treat this lock as dead, or did. Costs a request.

        Called before and after anything is published: until the call before it nobody has begun to remove what the lock
        protects, and who begins after the one after it sees what was published.
        """
        self.check()
        with self._files:
            if not self._is_there():
                raise LockLost(
                    "the repository's lock was lost", why="another run, or somebody by hand, removed its file"
                )

    def release(self) -> None:
        """Removes the lock's file. A store that refuses is no reason to fail a finished run: the lock goes stale."""
        self._released.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        while self._ids:
            try:
                self._store.delete(file_name(self._ids[-1]))
            except StoreError as error:
                self.not_removed = error
            self._ids.pop()

    def _refuse_conflicts(self) -> None:
        for _ in range(_MOST_LOOKS):
            # A holder that lives after all may just have refreshed: that is seen next time, or it sees that it lost its lock.
            if not self._removes_dead_locks():
                return
        raise RepositoryLocked("the repository is locked", why="dead locks come again as they are removed", next=_NEXT)

    def _removes_dead_locks(self) -> bool:
        """Whether there were any in the way. Raises RepositoryLocked for one that lives."""
        moment = self._moment()
        mine, hostname, removed = self._file(moment), own_hostname(), False
        for found in list_locks(self._store, self._key):
            if found.id in self._ids or not conflict(mine, found.file):
                continue
            if not found.is_stale(moment.wall, hostname):
                raise RepositoryLocked("the repository is locked", why=found.describe(), next=_NEXT)
            self._store.delete(file_name(found.id))
            removed = True
        return removed

    def _write(self) -> None:
        """Stores a new file, then removes the old one. Does neither if the lock is lost already."""
        with self._files:
            self._replace_file()

    def _replace_file(self) -> None:
        moment = self._moment()  # before the file is stored, which may take long: others count from the time in it
        if self._is_overdue(moment):
            # The process was stopped for so long that others may have removed data that this lock protected.
            # Refreshing now would hide that from `check`.
            self._is_lost = True
            return
        self._ids.append(sealed.save(self._store, self._key, self._file(moment), LockId))
        self._refreshed = moment
        self._written_at = time.monotonic()
        if not self._is_there():
            return
        while len(self._ids) > 1:
            self._deleted.add(self._ids[0])
            self._store.delete(file_name(self._ids[0]))
            self._deleted.discard(self._ids.pop(0))

    def _is_there(self) -> bool:
        """Whether nobody removed a file of this lock; if somebody did, the lock is lost."""
        try:
            for lock_id in self._ids:
                if lock_id not in self._deleted:
                    self._store.size(file_name(lock_id))
        except FileMissing:
            self._is_lost = True
        return not self._is_lost

    def _file(self, moment: _Moment) -> LockFile:
        now = moment.wall.isoformat()
        if self._holder is None:
            self._holder = Holder(run=self.run, started=now, role=self._role, claim=self._claim)
        return LockFile(
            time=now,
            exclusive=self.exclusive,
            hostname=own_hostname(),
            username=own_username(),
            pid=os.getpid(),
            uid=os.getuid(),
            gid=os.getgid(),
            holdfast=self._holder,
        )

    def _keep_fresh(self) -> None:
        while not self._released.wait(REFRESH_EVERY):
            with contextlib.suppress(StoreError):  # tried again next time; `check` tells when it is too late
                self._write()

    def _moment(self) -> _Moment:
        return _Moment(self._clock.now(), self._clock.monotonic())

    def _is_overdue(self, moment: _Moment) -> bool:
        if self._refreshed is None:
            return False
        # Both clocks: the monotonic one stands still while a machine sleeps, the other may be set back.
        wall = (moment.wall - self._refreshed.wall).total_seconds()
        return max(wall, moment.monotonic - self._refreshed.monotonic) > LOST_AFTER


@contextlib.contextmanager
def held(
    store: Store,
    key: SealingKey,
    clock: Clock,
    cancel: Cancel,
    *,
    exclusive: bool,
    role: Role = Role.WORK,
    run: str = "",
) -> Iterator[Lock]:
    """A confirmed lock for the length of the block."""
    lock = Lock(store, key, clock, exclusive=exclusive, role=role, run=run)
    try:
        lock.begin()
        lock.confirm(cancel)
        yield lock
    finally:
        lock.release()
