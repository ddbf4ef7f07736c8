"""`@every 6h`: a fixed time between runs, written as Go writes durations."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from holdfast.schedule.fields import FieldError

_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_MOST = Decimal(2**63) / 10**9
SHORTEST = dt.timedelta(minutes=1)
"""Runs are told apart by the minute that they were meant for."""


def parse_interval(text: str) -> dt.timedelta:
    """`6h`, `1h30m`, in whole seconds. Raises FieldError."""
    unsigned = text.removeprefix("+")
    parts = _PART.findall(unsigned)
    seconds = sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))
    if not parts or "".join(number + unit for number, unit in parts) != unsigned or seconds >= _MOST:
        days = " There is no unit for days: 24h." if re.search(r"[0-9]d", text) else ""
        raise FieldError(f"{text!r} is no length of time", f"Write it as 6h, 90m or 1h30m.{days}")
    interval = dt.timedelta(seconds=int(seconds))
    if interval < SHORTEST:
        raise FieldError(f"{text!r} is less than a minute", "A run a minute is the most that there can be: * * * * *.")
    return interval
