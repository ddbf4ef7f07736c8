"""Percentages and sizes as people type them."""

from __future__ import annotations

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
