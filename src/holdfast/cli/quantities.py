"""Percentages, sizes, lengths of time and times as people type them."""

from __future__ import annotations

import datetime as dt
import re

from holdfast.errors import UsageError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_percent(flag: str, text: str) -> float:
    """`5%` → 0.05. Raises UsageError, which names the flag."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not text.endswith("%") or not 0 <= value <= 100:
        raise UsageError(
            f"{flag}={text:.80} is not a part",
            why="a part is a percentage from 0% to 100%",
            next=f"Write {flag}=5%.",
        )
    return value / 100


def parse_size(flag: str, text: str) -> int:
    """`20G` → bytes. Raises UsageError, which names the flag."""
    found = re.fullmatch(r"(\d{1,15})([KMGT]?)(?:iB|B)?", text, re.ASCII | re.IGNORECASE)
    if found is None:
        raise UsageError(
            f"{flag}={text:.80} is not a size", why="a size is a number with K, M, G or T", next=f"Write {flag}=20G."
        )
    return int(found[1]) * _UNITS[found[2].upper()]


def parse_duration(flag: str, text: str) -> float:
    """`90s`, `10m`, `1h30m` → seconds. Raises UsageError, which names the flag."""
    found = re.fullmatch(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", text, re.ASCII)
    if found is None or not text:
        raise UsageError(
            f"{flag} {text!r:.80} is not a length of time",
            why="one is made of numbers with h, m and s, in this order",
            next=f"Write {flag} 10m.",
        )
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def parse_before(text: str) -> dt.datetime | None:
    """`--before` as ISO 8601; without a zone the reader's own. Raises UsageError."""
    if not text:
        return None
    try:
        return dt.datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise UsageError(
            f"--before {text!r} is not a time", why=str(error), next="Write it as 2026-11-23T14:00."
        ) from error
