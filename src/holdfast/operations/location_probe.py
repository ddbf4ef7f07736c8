"""Trying a location: can it be reached, does the password open it, what do the credentials allow, how fast is it.

Nothing stays behind. A probe file goes under `locks/`, the only place where credentials for backups may delete, and only if a
first question shows that it can be deleted again. Its name is no id, so neither restic nor our own code takes it for a lock.
Where there is no repository nothing is written at all.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from holdfast.errors import (
    DamagedData,
    FileMissing,
    HoldfastError,
    NoRepository,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.run import timestamp
from holdfast.operations.deadline import within
from holdfast.operations.location_report import LocationReport, Speed, every, suited_for
from holdfast.operations.location_statistics import Place, count_backups, count_snapshots, stored_bytes
from holdfast.repository.layout import CONFIG, Directory
from holdfast.repository.repository import Repository, open_repository
from holdfast.store.access import Access
from holdfast.store.base import Store

_PREFIX = f"{Directory.LOCKS}/holdfast-probe-"
_STALE = dt.timedelta(hours=1)
_SMALL = 1024  # as large as a lock, because a bucket with versions keeps it
_MEASURED = (256 * 1024, 4 * 1024 * 1024)
_QUICK = 0.5  # seconds
_CONTENTS = (Directory.PACKS, Directory.INDEX, Directory.SNAPSHOTS)


class TriedPlace(Place, Protocol):
    def access(self, store: Store) -> Access: ...


def probe_location(
    place: TriedPlace, *, speed: bool | None = None, patience: float, clock: Clock | None = None
) -> LocationReport:
    """`speed`: whether it is measured, which in a bucket with versions leaves some megabytes; None: not there.

    Store errors, a missing repository and a wrong password are in the report, others are raised. Whatever has not answered after
    `patience` seconds is StoreUnavailable.
    """
    clock = clock or SystemClock()
    report = LocationReport(url=place.url, started_at=timestamp(clock.now()))

    def probe() -> None:
        try:
            _Probe(place, report, clock).run(speed)
        except (StoreError, DamagedData) as error:
            report.fail(error)

    if not within(patience, probe):
        silent = LocationReport(url=place.url, started_at=report.started_at)  # the other one may still be written to
        why = f"it did not answer within {patience:g} s"
        silent.fail(StoreUnavailable(f"{place.url} cannot be tried", why=why))
        report = silent
    report.suited_for = suited_for(report.rights)
    report.finished_at = timestamp(clock.now())
    return report


class _Probe:
    def __init__(self, place: TriedPlace, report: LocationReport, clock: Clock) -> None:
        self._place = place
        self._report = report
        self._clock = clock
        self._name = f"{_PREFIX}{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"

    def run(self, speed: bool | None) -> None:
        self._store = self._place.store()
        self._access = self._place.access(self._store)
        report = self._report
        found = self._reach()
        repository = self._open(found)
        listed = [entry.name for entry in self._store.list(Directory.LOCKS)]
        report.rights.list = True
        self._remove_stale(listed)
        with ThreadPoolExecutor(4) as pool:
            contents = [pool.submit(self._try_contents, directory, may_store=found) for directory in _CONTENTS]
            kept = pool.submit(self._access.versioning, CONFIG if found else "")
            locked = pool.submit(self._access.object_lock)
            rights = [future.result() for future in contents]
            report.versioning, report.object_lock = kept.result(), locked.result()
        report.rights.write = every(*(write for write, _ in rights))
        report.rights.delete = every(*(delete for _, delete in rights))
        self._try_locks(found, speed)
        self._judge()
        if repository is not None:
            self._count(repository)

    def _judge(self) -> None:
        """A place that no backup can go to has failed the test."""
        rights = self._report.rights
        if every(rights.write, rights.write_locks) is False:
            places = "data/, index/ or snapshots/" if rights.write is False else f"{Directory.LOCKS}/"
            self._report.fail(
                StoreRefused(
                    f"these credentials make no backups at {self._place.url}",
                    why=f"they may not write under {places}",
                    next="Give the account the rights of the writer in docs/append-only.md.",
                )
            )

    def _reach(self) -> bool:
        """Whether there is a repository."""
        took: list[float] = []
        found = True
        for _ in range(3):
            began = time.monotonic()
            try:
                self._store.get(CONFIG)
            except FileMissing:  # stores tell this only to those who may read
                found = False
            took.append(time.monotonic() - began)
        self._report.rights.read = True
        self._report.latency = round(min(took), 4)
        return found

    def _open(self, found: bool) -> Repository | None:
        if not found:
            self._report.fail(
                NoRepository(f"there is no repository at {self._place.url}", why="it has no file named config")
            )
            return None
        try:
            repository = open_repository(self._store, self._place.password(), self._clock)
        except HoldfastError as error:
            if isinstance(error, StoreError):
                raise
            self._report.fail(error)
            return None
        self._report.repository = repository.config.id
        return repository

    def _remove_stale(self, listed: Iterable[str]) -> None:
        """Probes of tests that were killed."""
        for name in listed:
            if not name.startswith(_PREFIX):
                continue
            with suppress(ValueError, StoreError):
                moment = dt.datetime.strptime(name.removeprefix(_PREFIX).partition("-")[0], "%Y%m%dT%H%M%S%z")
                if self._clock.now() - moment > _STALE:
                    self._store.delete(name)

    def _try_contents(self, directory: Directory, *, may_store: bool) -> tuple[bool | None, bool | None]:
        """Whether files of this directory may be written and deleted. One is stored there only if nothing else can tell."""
        name = f"{directory}/{self._name.rpartition('/')[2]}"
        delete = self._access.may_delete(name)
        write = self._access.may_write(name)
        if write is None and delete and may_store:
            write = self._stores(name, b"probe")
            self._store.delete(name)
        return write, delete

    def _stores(self, name: str, content: bytes) -> bool:
        try:
            self._store.put(name, [content])
        except StoreRefused:
            return False
        return True

    def _try_locks(self, found: bool, speed: bool | None) -> None:
        rights = self._report.rights
        rights.delete_locks = self._access.may_delete(self._name)
        if not (found and rights.delete_locks):
            rights.write_locks = self._access.may_write(self._name)
            return
        first, second = os.urandom(_SMALL), os.urandom(_SMALL)
        rights.write_locks = self._stores(self._name, first)
        if not rights.write_locks:
            return
        try:
            rights.overwrite_locks = self._stores(self._name, second)
            self._look_back(second if rights.overwrite_locks else first)
            if speed is None:
                speed = self._report.versioning.state in ("off", "suspended")
                if not speed:
                    self._report.notes.append(
                        "The speed was not measured, because the place may keep what was deleted; --speed measures it."
                    )
            if speed and rights.overwrite_locks:
                self._measure()
        finally:
            self._take_away()

    def _look_back(self, stored: bytes) -> None:
        if self._store.get(self._name) != stored:
            raise DamagedData(
                f"{self._place.url} gives back other bytes than were stored",
                why=f"{self._name} was stored, and read at once",
                next="Do not trust this store with backups.",
            )
        if self._name not in (entry.name for entry in self._store.list(Directory.LOCKS)):
            raise DamagedData(
                f"{self._place.url} does not list what was stored",
                why=f"{self._name} was stored, and all of {Directory.LOCKS}/ was listed at once",
                next="Do not trust this store with backups: locks rely on lists that are complete.",
            )

    def _measure(self) -> None:
        """With a file that a slow line takes too, and with a longer one if that was quick."""
        for size in _MEASURED:
            content = os.urandom(size)
            began = time.monotonic()
            self._store.put(self._name, [content])
            uploaded = time.monotonic()
            came_back = self._store.get(self._name)
            ended = time.monotonic()
            if came_back != content:
                self._look_back(content)
            self._report.speed = Speed(size, round(size / (uploaded - began)), round(size / (ended - uploaded)))
            if ended - began > _QUICK:
                return

    def _take_away(self) -> None:
        try:
            self._store.delete(self._name)
        except StoreRefused:
            self._report.rights.delete_locks = False
            self._report.notes.append(f"{self._name} stays there, because it may not be deleted. It does no harm.")

    def _count(self, repository: Repository) -> None:
        self._report.snapshots = count_snapshots(repository)
        self._report.backups = count_backups(repository)
        self._report.stored_bytes, exactly = stored_bytes(repository.store)
        if not exactly:
            self._report.notes.append("The size is an estimate, from a 256th of the packs.")
