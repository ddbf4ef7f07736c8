"""Names of dumps, which become names of files."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


def why_no_file_name(name: str) -> str:
    """Why a dump cannot be called so; empty if it can."""
    if _NAME.fullmatch(name):
        return ""
    return f"{name!r:.60} is no name of a dump: up to 127 letters, digits and . _ - are, the first no sign"
