"""Changes as they may be shown: paths as text, and no value of a Secret unless it was asked for.

A masked change tells that a value is another one, not what it is, how long it is, or a hash of it.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from holdfast.model.diff import FieldChange, FieldChangeKind, Values
from holdfast.objects.diff.noise import LAST_APPLIED_PATH
from holdfast.objects.diff.walk import ABSENT, Absent, Change, path_text

_SECRETS = "secrets"
_SECRET_FIELDS = ("data", "stringData")


class Room:
    """How many bytes of values may still be kept: a diff of everything must not fill the memory. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._guard = threading.Lock()
        self._left = size

    def take(self, size: int) -> bool:
        """Whether there was room for so much."""
        with self._guard:
            fits = size <= self._left
            self._left -= size if fits else 0
        return fits


def shown(
    changes: Iterable[Change], group_resource: str, room: Room, *, show_secrets: bool = False
) -> list[FieldChange]:
    """Changes of one object. With `show_secrets` a Secret's values are decoded where they are text."""
    is_secret = group_resource == _SECRETS
    return [
        _shown(change, room, is_secret=is_secret, show_secrets=show_secrets)
        for each in changes
        for change in (_apart(each) if is_secret else (each,))
    ]


def _apart(change: Change) -> Iterator[Change]:
    """Of a Secret whose `data` is all new or gone, each key."""
    is_added = change.before is ABSENT
    whole = change.after if is_added else change.before
    one_sided = is_added or change.after is ABSENT
    if not (one_sided and len(change.path) == 1 and _hides_values(change.path) and isinstance(whole, dict) and whole):
        yield change
        return
    for key, value in sorted(whole.items()):
        yield Change((*change.path, key), *((ABSENT, value) if is_added else (value, ABSENT)))


def _shown(change: Change, room: Room, *, is_secret: bool, show_secrets: bool) -> FieldChange:
    path, kind = path_text(change.path), _kind(change)
    if is_secret and _hides_values(change.path):
        if not show_secrets:
            return FieldChange(path=path, change=kind, values=Values.MASKED)
        change = change._replace(before=_decoded(change.before), after=_decoded(change.after))
    if change.path == LAST_APPLIED_PATH:
        return FieldChange(path=path, change=kind, values=Values.MASKED if is_secret else Values.LEFT_OUT)
    before, after = _value(change.before), _value(change.after)
    if not room.take(len(msgspec.json.encode((before, after)))):
        return FieldChange(path=path, change=kind, values=Values.LEFT_OUT)
    return FieldChange(path=path, change=kind, before=before, after=after)


def _hides_values(path: tuple[Any, ...]) -> bool:
    return bool(path) and path[0] in _SECRET_FIELDS


def _kind(change: Change) -> FieldChangeKind:
    if change.is_order:
        return FieldChangeKind.ORDER
    if change.before is ABSENT:
        return FieldChangeKind.ADDED
    return FieldChangeKind.REMOVED if change.after is ABSENT else FieldChangeKind.CHANGED


def _value(value: Any) -> Any:
    return None if isinstance(value, Absent) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value
