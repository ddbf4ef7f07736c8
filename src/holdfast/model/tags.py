"""The tags by which snapshots of Holdfast are known, in restic's lists too: `key=value`, one tag each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.errors import UsageError
from holdfast.model.span import END_OF_TIME

KIND = "kind"
NAME = "name"
TYPE = "type"
RUN = "run"
OUTCOME = "outcome"
VERB = "verb"
PLAN = "plan"  # of a plan's backup: `shop/nightly`
JOB = "job"  # of a backup that was made in a Job of a cluster: the Job's name
SCHEDULED = "scheduled"  # of a scheduled one: the time that its schedule meant, in UTC, `2026-11-26T02:00:00Z`
BACKUP = "backup"  # of a safety point: the id of the backup that was about to be restored
UNDOES = "undoes"  # of the report of an undo: the run that was taken back
KEEP_UNTIL = "keep-until"
LEVEL = "level"  # of a check: how much of the data was read
READ_TO = "read-to"  # of a check: where the next one begins to read, 0 to 1
BACKUP = "backup"  # of a verification or a drill: id of the snapshot that it is about
PROOF = "proof"  # of the same, if all of it went well: VERIFIED, DRILLED
LABEL_PREFIX = "label:"

APPLICATION = "app"
REPORT = "report"
PART = "part"
FILES = "files"
SAFETY = "safety"

VERIFIED = "verified"
DRILLED = "drilled"


@dataclass(frozen=True, slots=True)
class Tags:
    """Parsed tags. A snapshot without any of them was made by another program."""

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, tags: Iterable[str]) -> Tags:
        return cls(dict(tag.partition("=")[::2] for tag in tags if "=" in tag))

    def format(self) -> list[str]:
        return [f"{key}={value}" for key, value in self.values.items() if value]

    def get(self, key: str) -> str:
        """The tag's value, "" if there is none."""
        return self.values.get(key, "")

    @property
    def labels(self) -> dict[str, str]:
        """What the user gave with --label."""
        return {
            key.removeprefix(LABEL_PREFIX): value for key, value in self.values.items() if key.startswith(LABEL_PREFIX)
        }

    @property
    def keep_until(self) -> dt.datetime | None:
        """What --keep-for came to; the end of time if nobody can read it, None without the tag."""
        text = self.get(KEEP_UNTIL)
        if not text:
            return None
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            return END_OF_TIME
        return min(moment, END_OF_TIME) if moment.tzinfo else END_OF_TIME


def check_tag_value(flag: str, value: str) -> str:
    """Raises UsageError for text that a tag cannot carry: restic separates tags by commas."""
    if not value or "," in value or not value.isprintable() or value != value.strip():
        raise UsageError(
            f"{flag} {value!r:.80} cannot be used",
            why="it is empty, or has a comma, a control character or blanks around it",
        )
    return value
