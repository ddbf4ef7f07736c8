"""Time zones by their IANA names, as Kubernetes takes them: `Europe/Berlin`, `Asia/Shanghai`, `Etc/UTC`.

The list of names is that of the package `tzdata`, so that every machine knows the same ones.
"""

from __future__ import annotations

import difflib
import functools
import importlib.resources
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from holdfast.errors import UsageError

_LOOKED_FOR = {"beijing": "Asia/Shanghai", "mumbai": "Asia/Kolkata", "delhi": "Asia/Kolkata"}
"""Cities that people name and the list has under another."""
_CLOSE_ENOUGH = 0.7


def time_zone(name: str) -> ZoneInfo:
    """Raises UsageError, with the name that was probably meant."""
    if name.lower() == "local":
        raise UsageError(
            f"the time zone is {name!r}",
            why="every machine means another one by that, so Kubernetes refuses it",
            next="Name a place, as Europe/Berlin, or Etc/UTC.",
        )
    if name not in _names().values():
        close = _suggestion(name)
        raise UsageError(
            f"there is no time zone {name!r:.70}",
            why="time zones have the names of the IANA database, with upper and lower case as there",
            next=f"Did you mean {close}?" if close else "Name a place, as Europe/Berlin, or Etc/UTC.",
        )
    return ZoneInfo(name)


@functools.cache
def _names() -> Mapping[str, str]:
    """In lower case → as they are."""
    text = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8")
    return {name.lower(): name for name in text.split()}


def _suggestion(name: str) -> str:
    wanted = name.strip().lower().replace(" ", "_")
    names = _names()
    if wanted in names:
        return names[wanted]
    city = wanted.rpartition("/")[2]
    if city in _LOOKED_FOR:
        return _LOOKED_FOR[city]
    by_city = {lower.rpartition("/")[2]: full for lower, full in names.items() if "/" in lower}
    if city in by_city:
        return by_city[city]
    for known, word in ((names, wanted), (by_city, city)):
        if close := difflib.get_close_matches(word, known, n=1, cutoff=_CLOSE_ENOUGH):
            return known[close[0]]
    return ""
