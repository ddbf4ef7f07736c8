"""One execution of a verb: how it ended, and what scripts are told about it."""

from __future__ import annotations

import datetime as dt
import secrets
from enum import StrEnum

import msgspec

from holdfast.errors import Cancelled, HoldfastError


class Verb(StrEnum):
    """What was executed, as the command line says it and reports are found by."""

    BACKUP_CREATE = "backup create"
    BACKUP_FILES = "backup files"
    BACKUP_VERIFY = "backup verify"
    RESTORE_RUN = "restore run"
    RESTORE_UNDO = "restore undo"
    RESTORE_FILES = "restore files"
    REPOSITORY_CHECK = "repository check"
    DRILL_RUN = "drill run"


BACKUP_VERBS = (Verb.BACKUP_CREATE, Verb.BACKUP_FILES)
RESTORE_VERBS = (Verb.RESTORE_RUN, Verb.RESTORE_UNDO, Verb.RESTORE_FILES)
PROOF_VERBS = (Verb.BACKUP_VERIFY, Verb.DRILL_RUN)


class Outcome(StrEnum):
    """How a run ended. Each has the exit code that the command line gives."""

    DONE = "done"
    FAILED = "failed"
    PARTIAL = "partial"  # something that was asked for is missing; the errors name it
    CANCELLED = "cancelled"

    @classmethod
    def of_failure(cls, error: HoldfastError) -> Outcome:
        """Of a run that `error` ended."""
        return cls.CANCELLED if isinstance(error, Cancelled) else cls.FAILED

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self]


_EXIT_CODES = {Outcome.DONE: 0, Outcome.FAILED: 1, Outcome.PARTIAL: 3, Outcome.CANCELLED: 130}


class Problem(msgspec.Struct, frozen=True):
    """An error as reports keep it."""

    what: str
    why: str
    next: str

    @classmethod
    def of(cls, error: HoldfastError, what: str = "") -> Problem:
        """`what` names the object when the error itself does not."""
        return cls(f"{what}: {error.what}" if what else error.what, error.why, error.next)


class Run(msgspec.Struct, kw_only=True, rename="camel"):
    """What `-o json` prints for a run and what its report keeps. docs/json-output.md describes each field."""

    id: str  # of a backup that was published: its snapshot's id; else the run's own
    run: str
    verb: Verb
    name: str
    kind: str  # "app", "files"
    type: str  # "full", "incremental", "differential"; "" for restores
    outcome: Outcome
    started_at: str  # RFC 3339
    finished_at: str
    counts: dict[str, int]
    bytes: dict[str, int]
    errors: list[Problem]
    notes: list[str] = []
    keep_until: str = ""  # RFC 3339; "" for a backup that stays as long as the rules of `backup forget` keep it


def new_run_id(now: dt.datetime) -> str:
    """Sorts by time and reads well in a label: `20261123-051942-7f3a9c`."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
