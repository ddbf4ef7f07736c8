"""JSON patches (RFC 6902), as Kubernetes and Velero understand them.

Two liberties that both take are taken here as well: an index may be negative (`/spec/containers/-1` is the last one), and it
may be written with leading zeros. A `replace` of a field that is not there fails, as the RFC and Velero have it; the API
server adds the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.objects.fields import Object, copied
from holdfast.objects.patching.failures import PatchFailed, PathMissing, TestFailed
from holdfast.objects.patching.values import equal

OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
WITH_VALUE = frozenset({"add", "replace", "test"})
WITH_FROM = frozenset({"move", "copy"})
_INDEX = re.compile(r"[+-]?[0-9]{1,9}")


class Operation(NamedTuple):
    """One step. `value` is used by those in WITH_VALUE, `source` (`from` in JSON) by those in WITH_FROM."""

    op: str
    path: str
    value: Any = None
    source: str = ""

    def __str__(self) -> str:
        return f"{self.op} {self.path or 'of the whole object'}"


def apply_json_patch(obj: Object, operations: Sequence[Operation]) -> Any:
    """The patched object; `obj` stays as it is. Raises PatchFailed, at the first step that cannot be done."""
    document: Any = copied(obj)
    for operation in operations:
        try:
            document = _step(document, operation)
        except PatchFailed as failure:
            raise type(failure)(f"{operation}: {failure}") from None
    return document


def _step(document: Any, operation: Operation) -> Any:
    match operation.op:
        case "add":
            return _add(document, operation.path, copied(operation.value))
        case "remove":
            _take(document, operation.path)
        case "replace" if operation.path == "":
            return copied(operation.value)
        case "replace":
            holder, key = _holder(document, operation.path)
            holder[_existing(holder, key)] = copied(operation.value)
        case "move":
            return _add(document, operation.path, _take(document, operation.source))
        case "copy":
            return _add(document, operation.path, copied(_get(document, operation.source)))
        case "test":
            _test(document, operation)
        case _:
            raise PatchFailed(f"there is no operation {operation.op!r}")
    return document


def _test(document: Any, operation: Operation) -> None:
    try:
        found = _get(document, operation.path)
    except PathMissing:
        if operation.value is not None or _is_missing(document, operation.path.rpartition("/")[0]):
            raise
        return  # a field that is not there is as good as null
    if not equal(found, operation.value):
        raise TestFailed("the value is another one")


def _is_missing(document: Any, path: str) -> bool:
    try:
        _get(document, path)
    except PathMissing:
        return True
    return False


def _add(document: Any, path: str, value: Any) -> Any:
    if path == "":
        return value
    holder, key = _holder(document, path)
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.insert(len(holder) if key == "-" else _position(holder, key, len(holder) + 1), value)
    return document


def _take(document: Any, path: str) -> Any:
    if path == "":
        raise PatchFailed("the whole object cannot be taken away")
    holder, key = _holder(document, path)
    return holder.pop(_existing(holder, key))


def _get(document: Any, path: str) -> Any:
    if path == "":
        return document
    holder, key = _holder(document, path)
    return holder[_existing(holder, key)]


def _holder(document: Any, path: str) -> tuple[Any, str]:
    """The map or list that holds what `path` names, and its key there."""
    if not path.startswith("/"):
        raise PatchFailed(f"the path {path!r} does not begin with /")
    *above, last = (part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
    for part in above:
        document = document[_existing(document, part)]
    if not isinstance(document, (dict, list)):
        raise PathMissing(f"there is nothing at {path.rpartition('/')[0]} that could hold {last!r}")
    return document, last


def _existing(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        if key not in holder:
            raise PathMissing(f"there is no {key!r}")
        return key
    if isinstance(holder, list):
        return _position(holder, key, len(holder))
    raise PathMissing(f"there is nothing that could hold {key!r}")


def _position(holder: list[Any], key: str, places: int) -> int:
    if not _INDEX.fullmatch(key):
        raise PatchFailed(f"{key!r} is not an index of a list")
    number = int(key)
    if not -places <= number < places:
        raise PathMissing(f"the list has no index {key}: it has {len(holder)} items")
    return number % places
