"""JSON values compared as JSON does: `true` is not `1`, which Python takes for equal."""

from __future__ import annotations

from typing import Any


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def index_of(items: list[Any], wanted: Any) -> int:
    """Where `wanted` stands first; -1 if it does not."""
    return next((number for number, item in enumerate(items) if equal(item, wanted)), -1)
