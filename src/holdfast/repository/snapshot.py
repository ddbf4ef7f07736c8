"""Snapshots: the small sealed files that make a tree reachable. What no snapshot reaches may be pruned."""

from __future__ import annotations

import datetime as dt

import msgspec

from holdfast.errors import DamagedData


class Summary(msgspec.Struct, kw_only=True, frozen=True):
    """restic's statistics of the run that made a snapshot."""

    backup_start: str
    backup_end: str
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_blobs: int = 0
    tree_blobs: int = 0
    data_added: int = 0  # bytes of new blobs, before compression
    data_added_packed: int = 0  # bytes of new blobs, as stored
    total_files_processed: int = 0
    total_bytes_processed: int = 0


class Snapshot(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """restic's fields in restic's order."""

    time: str  # RFC 3339 with nanoseconds and zone
    parent: str | None = None
    tree: str
    paths: list[str]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    excludes: list[str] = []
    tags: list[str] = []
    original: str | None = None
    program_version: str = ""
    summary: Summary | None = None

    def moment(self) -> dt.datetime:
        """The time as a value that can be compared, in microseconds."""
        return parse_time(self.time)


def parse_time(text: str) -> dt.datetime:
    """RFC 3339 with any number of fraction digits → aware datetime, cut to microseconds. Raises DamagedData."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[: min(digits, 6)]}{rest[digits:]}"
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment.astimezone(dt.UTC)  # an hour before the year 1 cannot be shown to anybody
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DamagedData(f"{text!r:.80} is not a time", why="a time looks like 2026-01-31T23:59:59.123456789+01:00")
    return moment
