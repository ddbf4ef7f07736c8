"""restic's locks: files that tell other programs what is going on in a repository.

Shared locks protect backups and restores, exclusive ones whatever removes data. Order of taking one: look for conflicts,
write our file, wait until a competitor's file must be visible, look again, withdraw on conflict. A holder refreshes its lock
every 5 minutes (a new file, then the old one is deleted); one that is 30 minutes old, or whose process on this host is gone,
is stale. A holder that could not refresh for 22.5 minutes must treat its lock as lost, because soon others will.
Source: restic's internal/repository/lock.go.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing, LockLost, RepositoryLocked, StoreError
from holdfast.ids import LockId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock
from holdfast.repository import sealed
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.snapshot import parse_time
from holdfast.store.base import Store

STALE_AFTER = dt.timedelta(minutes=30)
REFRESH_EVERY = 5 * 60.0
LOST_AFTER = 22.5 * 60.0
_NEXT = (
    "Wait for the other run to end. If it died: `holdfast repository unlock` removes its lock 30 minutes after it was "
    "last refreshed, `unlock --all` at once."
)

SETTLE = 0.2
"""Seconds between writing a lock and looking for competitors that wrote theirs at the same moment."""


class LockFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    time: str
    exclusive: bool
    hostname: str
    username: str = ""
    pid: int
    uid: int = 0
    gid: int = 0


class _Moment(NamedTuple):
    wall: dt.datetime
    monotonic: float  # seconds


@dataclass(frozen=True, slots=True)
class FoundLock:
    """A lock as it is in the repository. `file` is None if it cannot be read."""

    id: LockId
    file: LockFile | None

    def is_stale(self, now: dt.datetime, hostname: str) -> bool:
        """Whether nobody can be holding it. A lock that cannot be read is somebody's until its holder says otherwise."""
        if self.file is None:
            return False
        if now - parse_time(self.file.time) > STALE_AFTER:
            return True
        return self.file.hostname == hostname and not _process_exists(self.file.pid)

    def describe(self) -> str:
        if self.file is None:
            return f"lock {self.id.short}, which cannot be read"
        kind = "exclusively" if self.file.exclusive else "shared"
        return (
            f"{kind} by process {self.file.pid} of {self.file.username} on {self.file.hostname} since {self.file.time}"
        )


def own_hostname() -> str:
    """In a pod its UID, because the names of pods come again; elsewhere the host's name."""
    return os.environ.get("HOLDFAST_POD_UID") or socket.gethostname()


def own_username() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return str(os.getuid())


def list_locks(store: Store, key: SealingKey) -> Iterator[FoundLock]:
    """All locks. Empty files are ignored: restic left such ones behind when a disk was full."""
    for entry in store.list(Directory.LOCKS.value):
        lock_id = parse_name(entry.name, LockId)
        if lock_id is None or entry.size == 0:
            continue
        try:
            file = sealed.load(store, key, lock_id, LockFile)
            parse_time(file.time)
            yield FoundLock(lock_id, file)
        except FileMissing:
            continue  # released meanwhile
        except DamagedData:
            yield FoundLock(lock_id, None)


def remove_stale_locks(store: Store, key: SealingKey, clock: Clock, *, all_locks: bool = False) -> list[FoundLock]:
    """Deletes stale locks (or all, also those that cannot be read) and returns them."""
    hostname = own_hostname()
    removed = [found for found in list_locks(store, key) if all_locks or found.is_stale(clock.now(), hostname)]
    for found in removed:
        store.delete(file_name(found.id))
    return removed


class Lock:
    """A lock that this process holds; a thread keeps it fresh until `release`."""

    def __init__(self, store: Store, key: SealingKey, clock: Clock, *, exclusive: bool) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self.exclusive = exclusive
        self.not_removed: StoreError | None = None
        """Why a file of this lock stays in the repository after `release`, until it is stale; None if none does."""
        self._ids: list[LockId] = []  # the last one is valid; those before it are still to be deleted
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
        """Raises LockLost if others may already treat this lock as dead. Called before anything is published."""
        if not self._ids or self._is_lost or self._is_overdue(self._moment()):
            raise LockLost("the repository's lock was lost", why="it could not be refreshed for 22 minutes")

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
        now, hostname = self._clock.now(), own_hostname()
        for found in list_locks(self._store, self._key):
            if found.id in self._ids or found.is_stale(now, hostname):
                continue
            if self.exclusive or found.file is None or found.file.exclusive:
                raise RepositoryLocked("the repository is locked", why=found.describe(), next=_NEXT)

    def _write(self) -> None:
        """Stores a new file, then removes the old one. Does neither if the lock is lost already."""
        moment = self._moment()  # before the file is stored, which may take long: others count from the time in it
        if self._is_overdue(moment):
            # The process was stopped for so long that others may have removed data that this lock protected.
            # Refreshing now would hide that from `check`.
            self._is_lost = True
            return
        file = LockFile(
            time=moment.wall.isoformat(),
            exclusive=self.exclusive,
            hostname=own_hostname(),
            username=own_username(),
            pid=os.getpid(),
            uid=os.getuid(),
            gid=os.getgid(),
        )
        self._ids.append(sealed.save(self._store, self._key, file, LockId))
        self._refreshed = moment
        self._written_at = time.monotonic()
        while len(self._ids) > 1:
            self._store.delete(file_name(self._ids[0]))
            del self._ids[0]

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
def held(store: Store, key: SealingKey, clock: Clock, cancel: Cancel, *, exclusive: bool) -> Iterator[Lock]:
    """A confirmed lock for the length of the block."""
    lock = Lock(store, key, clock, exclusive=exclusive)
    try:
        lock.begin()
        lock.confirm(cancel)
        yield lock
    finally:
        lock.release()


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
