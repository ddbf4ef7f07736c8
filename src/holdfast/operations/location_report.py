"""What a test of a location found: the document that `location test -o json` prints."""

from __future__ import annotations

import msgspec

from holdfast.api.run_status import RunProblem, RunStatus
from holdfast.errors import HoldfastError
from holdfast.model.run import Outcome, Problem
from holdfast.store.access import Keeping

VERB = "location test"


class Rights(msgspec.Struct, kw_only=True, rename="camel"):
    """What the credentials may do; None where it cannot be found out without leaving something behind."""

    read: bool | None = None
    list: bool | None = None
    write: bool | None = None  # add packs, indexes and snapshots
    delete: bool | None = None  # remove those
    write_locks: bool | None = None
    overwrite_locks: bool | None = None
    delete_locks: bool | None = None


class SuitedFor(msgspec.Struct, frozen=True):
    restores: bool | None
    backups: bool | None
    maintenance: bool | None  # forget, prune, repairs


class Speed(msgspec.Struct, frozen=True, rename="camel"):
    file_bytes: int
    upload_bytes_per_second: int
    download_bytes_per_second: int


class LocationReport(msgspec.Struct, kw_only=True, rename="camel"):
    url: str
    outcome: Outcome = Outcome.DONE
    reason: str = ""
    """One word for programs: NoRepository, WrongPassword, StoreRefused, StoreUnavailable, …; "" if all is well."""
    started_at: str = ""
    finished_at: str = ""
    repository: str = ""  # its id
    snapshots: int | None = None
    backups: int | None = None  # None if there are too many to count in a short time
    stored_bytes: int | None = None
    latency: float | None = None  # seconds
    speed: Speed | None = None
    versioning: Keeping = Keeping("unknown")
    object_lock: Keeping = Keeping("unknown")
    rights: Rights = msgspec.field(default_factory=Rights)
    suited_for: SuitedFor = SuitedFor(None, None, None)
    errors: list[Problem] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    exit_code: int = 0

    def fail(self, error: HoldfastError) -> None:
        """The first failure gives the reason and the exit code."""
        if not self.reason:
            self.outcome = Outcome.of_failure(error)
            self.reason = type(error).__name__
            self.exit_code = error.exit_code
        self.errors.append(Problem.of(error))

    def run_status(self) -> RunStatus:
        """The same as a Job's pod tells it to the controller."""
        counts = {"backups": self.backups, "snapshots": self.snapshots}
        sizes = {
            "stored": self.stored_bytes,
            "uploadPerSecond": self.speed.upload_bytes_per_second if self.speed else None,
            "downloadPerSecond": self.speed.download_bytes_per_second if self.speed else None,
        }
        return RunStatus(
            verb=VERB,
            id=self.repository,
            outcome=self.outcome.value,
            reason=self.reason,
            exit_code=self.exit_code,
            started_at=self.started_at,
            finished_at=self.finished_at,
            counts={name: count for name, count in counts.items() if count is not None},
            bytes={name: size for name, size in sizes.items() if size is not None},
            errors=[RunProblem(what=e.what, why=e.why, next=e.next) for e in self.errors],
        )


def suited_for(rights: Rights) -> SuitedFor:
    reading = every(rights.read, rights.list)
    # A restore and a backup hold a lock too; one that cannot be taken away again only makes a warning.
    adding = every(reading, rights.write, rights.write_locks)
    return SuitedFor(
        restores=every(reading, rights.write_locks),
        backups=adding,
        maintenance=every(adding, rights.delete, rights.delete_locks),
    )


def every(*answers: bool | None) -> bool | None:
    """False if one is; None if none is False and one is not known."""
    if False in answers:
        return False
    return None if None in answers else True
