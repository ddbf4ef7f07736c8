"""Options whose value is a document: a file's path, or the text itself, as pods are given it."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import UsageError

_BEGINNINGS = ("{", "[")  # of JSON; a path that begins so is written with ./ before it


def given_document(flag: str, value: str) -> tuple[str, bytes]:
    """A name for messages, and the content. Raises UsageError for a file that cannot be read."""
    if value.startswith(_BEGINNINGS):
        return flag, value.encode()
    try:
        return value, Path(value).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{flag} {value!r:.80} cannot be read",
            why=error.strerror or str(error),
            next="Give the path of a file, or the JSON text itself.",
        ) from error
