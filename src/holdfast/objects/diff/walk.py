"""Two JSON values side by side: every field in which they differ.

A change is as deep as both sides have the same shape. Items of lists are matched by their keys where these are known
(`merge_keys`), else by position if the lists are of one length; lists of different lengths without keys are one change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from holdfast.objects.diff.defaults import Defaults, is_default
from holdfast.objects.diff.merge_keys import keys_of

_PLAIN_KEY = re.compile(r"(?!\d+$)[\w./:@*-]+")


class Absent:
    """The type of ABSENT: there is no such field. `null` is a value."""


ABSENT: Final = Absent()


class ByKey(NamedTuple):
    """A step to an item of a list that is known by its key."""

    key: str


Step = str | int | ByKey
"""A field of a map, a position in a list, an item of a list by its key."""


class Change(NamedTuple):
    """`before` or `after` is ABSENT where the field is not there."""

    path: tuple[Step, ...]
    before: Any
    after: Any
    is_order: bool = False  # of the items that both lists have; `before` and `after` are all keys


def changes(before: Any, after: Any, defaults: Defaults) -> Iterator[Change]:
    """In the order of fields' names. None if the values are equal as JSON (1 and 1.0 are) but for `defaults`."""
    return iter(()) if is_identical(before, after) else _walk((), before, after, defaults)


def is_identical(before: Any, after: Any) -> bool:
    """A quick look that is never wrong when it says yes. For Python alone, True and 1 are the same."""
    return bool(before == after) and _encode(before) == _encode(after)


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def path_text(path: tuple[Step, ...]) -> str:
    """`spec.ports[80/TCP].port`, `spec.args[0]`, `data["tls.key"]`: what is not a plain word is quoted."""
    return "".join(map(_step_text, path)).removeprefix(".")


def _step_text(step: Step) -> str:
    match step:
        case str():
            return f".{step}" if step.isidentifier() else f"[{json.dumps(step, ensure_ascii=False)}]"
        case int():
            return f"[{step}]"
        case ByKey(key):
            return f"[{key}]" if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


def _walk(path: tuple[Step, ...], before: Any, after: Any, defaults: Defaults) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _walk_maps(path, before, after, defaults)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _walk_lists(path, before, after, defaults)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Change(path, before, after)


def _walk_maps(
    path: tuple[Step, ...], before: dict[str, Any], after: dict[str, Any], defaults: Defaults
) -> Iterator[Change]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        below = (*path, key)
        if old is not ABSENT and new is not ABSENT:
            yield from _walk(below, old, new, defaults)
            continue
        value, parent = (new, after) if old is ABSENT else (old, before)
        # Servers before 1.34 send `creationTimestamp: null` in pod templates; newer ones leave it out.
        is_null_time = key == "creationTimestamp" and value is None
        if not is_null_time and not is_default(defaults, _pattern(below), value, parent):
            yield Change(below, old, new)


def _walk_lists(path: tuple[Step, ...], before: list[Any], after: list[Any], defaults: Defaults) -> Iterator[Change]:
    field = path[-1] if path else ""
    keys = keys_of(field, before, after) if isinstance(field, str) else None
    if keys is not None:
        yield from _walk_keyed(
            path, dict(zip(keys[0], before, strict=True)), dict(zip(keys[1], after, strict=True)), defaults
        )
    elif len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk((*path, number), old, new, defaults)
    else:
        yield Change(path, before, after)


def _walk_keyed(
    path: tuple[Step, ...], before: dict[str, Any], after: dict[str, Any], defaults: Defaults
) -> Iterator[Change]:
    for key in {**before, **after}:
        below = (*path, ByKey(key))
        if key in before and key in after:
            yield from _walk(below, before[key], after[key], defaults)
        else:
            yield Change(below, before.get(key, ABSENT), after.get(key, ABSENT))
    if [key for key in before if key in after] != [key for key in after if key in before]:
        yield Change(path, [*before], [*after], is_order=True)


def _pattern(path: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(step if isinstance(step, str) else "*" for step in path)
