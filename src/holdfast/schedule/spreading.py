"""`H` in the place of a minute or hour, and the presets: each plan gets a time of its own, always the same one.

A hundred plans at `0 2 * * *` would all begin at once. Of `H 2 * * *` each begins at another minute, which its name decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from holdfast.schedule.fields import HOUR, MINUTE, Bounds, FieldError

PRESETS: Mapping[str, str] = {
    "hourly": "H * * * *",
    "daily": "H H(4-6) * * *",
    "weekly": "H H(4-6) * * mon",
    "monthly": "H H(4-6) 1 * *",
}
"""At night, in hours that no time zone skips or doubles when its clocks change, and on days that none leaves out because its
clocks change at midnight, as on some Fridays and Sundays. A test looks at all time zones.
"""

_SPREAD = re.compile(r"H(?:\((?P<low>[0-9]{1,2})-(?P<high>[0-9]{1,2})\))?(?:/(?P<step>[0-9]{1,4}))?", re.ASCII)


def spread(text: str, bounds: Bounds, key: str) -> str:
    """The field with a number for each `H`, `H(4-6)` and `H/15`. Raises FieldError where they cannot stand."""
    if bounds not in (MINUTE, HOUR):
        return text
    items = re.split(r",(?![^(]*\))", text)
    return ",".join(_number(item, bounds, key) if item.startswith("H") else item for item in items)


def _number(item: str, bounds: Bounds, key: str) -> str:
    found = _SPREAD.fullmatch(item)
    if found is None:
        raise FieldError(
            f"the {bounds.name} is {item!r}",
            "H is written as H, H(4-6) for one of 4 to 6, or H/15 for every 15 of them.",
        )
    low = int(found["low"]) if found["low"] else bounds.low
    high = int(found["high"]) if found["high"] else bounds.high
    if not bounds.low <= low <= high <= bounds.high:
        raise FieldError(f"the {bounds.name} is {item!r}, and it goes from {bounds.low} to {bounds.high}")
    if found["step"] is None:
        return str(low + _share(key, bounds) % (high - low + 1))
    step = int(found["step"])
    if step == 0:
        raise FieldError(f"the step of the {bounds.name} is 0; it must be a number above 0")
    first = low + _share(key, bounds) % min(step, high - low + 1)
    return f"{first}-{high}/{step}"


def _share(key: str, bounds: Bounds) -> int:
    """A large number that only the plan's name and the field decide: not the process, the machine or the version."""
    return int.from_bytes(hashlib.sha256(f"{bounds.name} {key}".encode()).digest()[:8])
