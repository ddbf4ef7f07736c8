"""Where notifications go: the key `urls` of the mounted Secret, one URL of Apprise a line."""

from __future__ import annotations

import re
from pathlib import Path

DIRECTORY = Path("/run/holdfast/notifications")
FILE = "urls"
_SCHEMA = re.compile(r"([a-z0-9]+)://", re.IGNORECASE)


def read_urls(directory: Path = DIRECTORY) -> list[str]:
    """The URLs; none if there is no such file. Empty lines and those that begin with `#` are left out.

    It is read each time that something is sent, so a change of the Secret counts as soon as kubelet has brought it.
    """
    try:
        text = (directory / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    lines = (line.strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def service_of(url: str) -> str:
    """`ntfys` of `ntfys://…`: the one part of a URL that is no secret."""
    found = _SCHEMA.match(url)
    return found[1].lower() if found else "unknown"
