"""Lengths of time as Go writes them: `30s`, `1m30s`, `1.5h`, `500ms`."""

from __future__ import annotations

import re

_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 2**63 / 1e9  # seconds that Go can count


def parse_duration(text: str) -> float | None:
    """Seconds; None if the text is no length of time."""
    sign = -1.0 if text[:1] == "-" else 1.0
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits == "0":
        return 0.0
    parts = _PART.findall(digits)
    if not parts or "".join(number + unit for number, unit in parts) != digits:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return sign * seconds if seconds < _LONGEST else None
