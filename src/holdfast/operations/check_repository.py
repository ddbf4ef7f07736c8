"""Checking a repository: its structure, and of its data nothing, the next part in turn, or all.

Which part is the next is remembered in the repository, in the reports of checks that read data. Who may not write there goes by
the date instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from holdfast.errors import StoreError, StoreRefused
from holdfast.ids import SnapshotId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.model.tags import Tags
from holdfast.operations.pack_helpers import PackHelpers
from holdfast.operations.publishing import publish_report
from holdfast.operations.run_log import RunLog
from holdfast.repository.check_data import WORKERS, read_packs
from holdfast.repository.check_report import CheckReport, Finding
from holdfast.repository.check_structure import check_structure
from holdfast.repository.id_interval import RING, IdInterval
from holdfast.repository.layout import Directory
from holdfast.repository.lock import Lock
from holdfast.repository.lock_file import own_hostname
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot

_KEPT_REPORTS = 5
_SMALL = 64 << 10  # bytes of a blob
_WORTH_BEGINNING = 1 << 20  # bytes of a pack
_INDEX_BYTES = 45  # of an index file for each blob that it lists, about


class Level(StrEnum):
    """How much a check looked at."""

    STRUCTURE = "structure"
    SAMPLE = "sample"  # and a part of the packs
    ALL = "all"  # and all packs


class Sample(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The part that was read of all packs, in the order of their ids: 0 to 1, going round."""

    start: float
    end: float


class CheckRun(Run, kw_only=True, rename="camel"):
    """A check's run, and what it found."""

    level: Level
    sample: Sample | None  # None if nothing or all was read
    findings: list[Finding]


def check_repository(repository: Repository, read_fraction: float, cancel: Cancel, progress: Progress) -> CheckRun:
    """Checks the structure and reads `read_fraction` (0 to 1) of the packs. What is wrong is in the run, and no error.

    Raises RepositoryLocked, StoreError, Cancelled.
    """
    return _Check(repository, read_fraction, cancel, progress).run()


class _Check:
    def __init__(self, repository: Repository, read_fraction: float, cancel: Cancel, progress: Progress) -> None:
        self._repository = repository
        self._fraction = read_fraction
        self._cancel = cancel
        self._started = repository.clock.now()
        self._log = RunLog(progress, repository.clock)
        self._notes: list[str] = []
        self._earlier: dict[SnapshotId, Snapshot] = {}  # reports of checks
        self._ending = contextlib.ExitStack()
        self._helpers: PackHelpers | None = None

    def run(self) -> CheckRun:
        with self._lock_if_allowed() as lock, self._ending:
            if self._fraction >= 1:
                self._begin_early()
            report = check_structure(self._repository, cancel=self._cancel, progress=self._log, meet=self._meet)
            if lock is not None:
                # Its waiting time passed meanwhile.
                lock.confirm(self._cancel)
            interval = None
            if self._fraction > 0:
                interval = self._next_interval(by_date=lock is None)
                self._read(report, interval)
            run = self._describe(report, interval)
            if lock is not None and interval is not None:
                self._publish(lock, run, interval)
        return run

    def _begin_early(self) -> None:
        """Loading the index and checking the structure keep one processor busy. The others begin with the packs meanwhile.

        Blobs are not counted yet, but the index files are the longer the more there are.
        """
        blobs = sum(file.size for file in self._repository.store.list(Directory.INDEX.value)) // _INDEX_BYTES
        if PackHelpers.useful(blobs):
            packs = list(self._repository.stored_packs())
            if _are_small(blobs, sum(size for _, size in packs)):
                self._helpers = self._start_helpers(blobs)
                self._helpers.begin(pack_id for pack_id, size in packs if size >= _WORTH_BEGINNING)

    def _start_helpers(self, blobs: int) -> PackHelpers:
        """As many as are useful for so many small blobs."""
        started = PackHelpers(self._repository.store, self._repository.key, PackHelpers.useful(blobs))
        return self._ending.enter_context(started)

    def _read(self, report: CheckReport, interval: IdInterval) -> None:
        if self._helpers is None:
            blobs = report.blobs * interval.length // RING
            self._helpers = self._start_helpers(blobs if _are_small(report.blobs, report.stored_bytes) else 0)
        read_packs(
            self._repository,
            report,
            interval,
            cancel=self._cancel,
            progress=self._log,
            look=self._helpers.look,
            workers=max(WORKERS, self._helpers.count + 1),
        )

    @contextlib.contextmanager
    def _lock_if_allowed(self) -> Iterator[Lock | None]:
        """A shared lock that is not confirmed yet; None in a repository that cannot be written."""
        lock = self._repository.unconfirmed_lock()
        allowed: Lock | None = lock
        try:
            try:
                lock.begin()
            except StoreRefused as refusal:
                self._notes.append(f"No lock was taken, because the repository cannot be written: {refusal}")
                allowed = None
            yield allowed
        finally:
            lock.release()

    def _meet(self, snapshot_id: SnapshotId, snapshot: Snapshot) -> None:
        if _is_check(snapshot):
            self._earlier[snapshot_id] = snapshot

    def _next_interval(self, *, by_date: bool) -> IdInterval:
        if by_date and self._fraction < 1:
            self._notes.append(
                "Which part is read was chosen by the date, because no report can tell where the next one begins."
            )
            interval = IdInterval.of_day(self._started.date(), self._fraction)
        else:
            interval = IdInterval.of(self._position(), self._fraction)
        return interval.with_one_of(pack_id for pack_id, _ in self._repository.index.packs())

    def _position(self) -> int:
        """Where the newest check that read data came to."""
        for snapshot in sorted(self._earlier.values(), key=Snapshot.moment, reverse=True):
            with contextlib.suppress(ValueError):
                read_to = float(Tags.parse(snapshot.tags).get(tags.READ_TO))
                if 0 <= read_to <= 1:
                    return round(read_to * RING) % RING
        return 0

    def _describe(self, report: CheckReport, interval: IdInterval | None) -> CheckRun:
        run_id = new_run_id(self._started)
        level, sample = Level.STRUCTURE, None
        if interval is not None:
            level = Level.ALL if interval.is_all else Level.SAMPLE
            sample = None if interval.is_all else Sample(interval.start / RING, interval.end / RING)
        return CheckRun(
            id=run_id,
            run=run_id,
            verb=Verb.REPOSITORY_CHECK,
            name="",
            kind="",
            type="",
            outcome=Outcome.FAILED if report.error_count else Outcome.DONE,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._repository.clock.now()),
            counts={
                "packs": report.packs,
                "packsRead": report.packs_read,
                "blobs": report.blobs,
                "snapshots": report.snapshots,
                "trees": report.trees,
                "errors": report.error_count,
                "notes": len(report.notes),
            },
            bytes={"stored": report.stored_bytes, "read": report.bytes_read},
            errors=[Problem(finding.what, finding.why, finding.next) for finding in report.errors],
            notes=self._notes,
            level=level,
            sample=sample,
            findings=report.findings,
        )

    def _publish(self, lock: Lock, run: CheckRun, interval: IdInterval) -> None:
        read_to = {tags.LEVEL: run.level.value, tags.READ_TO: f"{interval.end / RING:.6f}"}
        for finding in run.findings:
            self._log.record(f"{finding.what}: {finding.why}")
        if publish_report(self._repository, lock, run, self._log, hostname=own_hostname(), more_tags=read_to):
            self._remove_old_reports()

    def _remove_old_reports(self) -> None:
        """All but the newest few, if it is allowed."""
        newest_first = sorted(self._earlier, key=lambda snapshot_id: self._earlier[snapshot_id].moment(), reverse=True)
        with contextlib.suppress(StoreError):
            for snapshot_id in newest_first[_KEPT_REPORTS - 1 :]:
                self._repository.delete_snapshot(snapshot_id)


def _are_small(blobs: int, stored_bytes: int) -> bool:
    """Whether blobs are so small on average that proving them is mostly Python's work, which needs processes."""
    return stored_bytes < blobs * _SMALL


def _is_check(snapshot: Snapshot) -> bool:
    parsed = Tags.parse(snapshot.tags)
    return parsed.get(tags.KIND) == tags.REPORT and parsed.get(tags.VERB) == Verb.REPOSITORY_CHECK
