"""The files that say who is at work in a repository, and who may work beside whom.

Format and rules are restic's (internal/repository/lock.go): shared locks for what relies on data, exclusive ones for what
removes it; 30 minutes old, or its process on this host gone, and a lock is stale. What we need beyond that stands in one field
that restic does not read.
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData, FileMissing
from holdfast.ids import LockId
from holdfast.model.clock import Clock
from holdfast.repository import sealed
from holdfast.repository.layout import Directory, file_name, parse_name
from holdfast.repository.snapshot import parse_time
from holdfast.store.base import Store

STALE_AFTER = dt.timedelta(minutes=30)


class Role(StrEnum):
    """What a lock of ours is for."""

    WORK = "work"  # shared: whatever relies on stored data. Exclusive: whatever mends a repository, alone
    PRUNE = "prune"  # shared: decides what is rubbish and marks it; one at a time
    CLAIM = "claim"  # shared: is about to publish something of which there must be one only, see `claim`
    SWEEP = "sweep"  # exclusive for restic, which does not know of marks: removes what was marked long ago; ours go on


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What is ours in a lock file. The lock is written anew every few minutes; this stays."""

    run: str  # random, of one holder
    started: str  # when the first file of this lock was written
    role: Role = Role.WORK
    claim: str = ""  # of a claim: what is claimed


class LockFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    time: str
    exclusive: bool
    hostname: str
    username: str = ""
    pid: int
    uid: int = 0
    gid: int = 0
    holdfast: Holder | None = None


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

    def began(self) -> dt.datetime | None:
        """When its holder began to rely on what is stored; None if nobody knows: it may be long ago."""
        if self.file is None or self.file.holdfast is None:
            return None
        return parse_time(self.file.holdfast.started)

    def describe(self) -> str:
        if self.file is None:
            return f"lock {self.id.short}, which cannot be read"
        kind = "exclusively" if self.file.exclusive else "shared"
        return (
            f"{kind} by process {self.file.pid} of {self.file.username} on {self.file.hostname} since {self.file.time}"
        )


def conflict(mine: LockFile, found: LockFile | None) -> bool:
    """Whether the two cannot be held at the same time. `found` is None for a lock that cannot be read."""
    if found is None:
        return True
    ours, theirs = mine.holdfast, found.holdfast
    if ours is not None and theirs is not None:
        if ours.run == theirs.run:
            return False  # one run may hold several
        roles = {ours.role, theirs.role}
        if roles == {Role.CLAIM} and ours.claim == theirs.claim:
            return True
        if roles <= {Role.PRUNE, Role.SWEEP}:
            return True
        if Role.SWEEP in roles:
            # A sweep removes only what no run began to rely on since it was marked, so shared work goes on beside it.
            return (found if ours.role is Role.SWEEP else mine).exclusive
    return mine.exclusive or found.exclusive


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
            for time in (file.time, *([file.holdfast.started] if file.holdfast else [])):
                parse_time(time)
            yield FoundLock(lock_id, file)
        except FileMissing:
            continue  # released meanwhile
        except DamagedData:
            yield FoundLock(lock_id, None)


def list_live_locks(store: Store, key: SealingKey, clock: Clock) -> Iterator[FoundLock]:
    """Those that somebody may hold."""
    now, hostname = clock.now(), own_hostname()
    return (found for found in list_locks(store, key) if not found.is_stale(now, hostname))


def remove_stale_locks(store: Store, key: SealingKey, clock: Clock, *, all_locks: bool = False) -> list[FoundLock]:
    """Deletes stale locks (or all, also those that cannot be read) and returns them. A holder that lives sees it."""
    hostname = own_hostname()
    removed = [found for found in list_locks(store, key) if all_locks or found.is_stale(clock.now(), hostname)]
    for found in removed:
        store.delete(file_name(found.id))
    return removed


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
