"""Commands as texts: for a shell, or as they are."""

from __future__ import annotations

import json


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def command_of_text(text: str) -> tuple[str, ...]:
    """In Holdfast's annotations and flags: a JSON list is the command, any other text is for the container's shell."""
    return _json_list(text) or shell(text)


def command_of_velero(text: str) -> tuple[str, ...]:
    """In Velero's annotations: a JSON list, or else the name of one program. No shell is asked."""
    return _json_list(text) or (text,)


def _json_list(text: str) -> tuple[str, ...]:
    """Empty if it is none of texts."""
    if not text.startswith("["):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    is_command = isinstance(found, list) and found and all(isinstance(part, str) for part in found) and found[0]
    return tuple(found) if is_command else ()
