"""Strategic merge patches, as the API server applies them to built-in kinds.

The rules are those of `k8s.io/apimachinery/pkg/util/strategicpatch`: maps are merged, lists are replaced, except those that
have a merge key (`shapes`). Directives in the patch change that:

    $patch: replace | delete        in a map or in an item of a list
    $retainKeys: [a, b]             what else the map has goes
    $setElementOrder/LIST           in which order the items stand afterwards
    $deleteFromPrimitiveList/LIST   takes these texts out of a list of texts

Null removes a field. What was in the object and not in the patch keeps its place in a list as far as it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.objects.fields import Object, copied
from holdfast.objects.patching.failures import PatchFailed
from holdfast.objects.patching.shapes import PRIMITIVES, Shape
from holdfast.objects.patching.values import equal, index_of

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"


def apply_strategic_patch(obj: Object, patch: Object, shape: Shape) -> Object:
    """The patched object; the arguments stay as they are. Raises PatchFailed."""
    return _merge_map(copied(obj), copied(patch), shape)


def _merge_map(original: Object, patch: Object, shape: Shape) -> Object:
    if _DIRECTIVE in patch:
        match patch.pop(_DIRECTIVE):
            case "replace":
                return {key: _without_nulls(value) for key, value in patch.items() if value is not None}
            case "delete":
                return {}
            case other:
                raise PatchFailed(f"{_DIRECTIVE}: {other!r} is not possible for a map")
    _retain(original, patch)
    _set_orders(original, patch, shape)
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            _delete_primitives(original, key.removeprefix(_DELETE_FROM), value)
        elif value is None:
            original.pop(key, None)
        else:
            _merge_field(original, key, value, shape)
    return original


def _merge_field(original: Object, key: str, value: Any, shape: Shape) -> None:
    before = original.get(key)
    if isinstance(before, dict) and isinstance(value, dict):
        replaced = key in shape.replaced
        original[key] = _without_nulls(value) if replaced else _merge_map(before, value, shape.of(key))
    elif isinstance(before, list) and isinstance(value, list):
        original[key] = _merge_list(before, value, shape, key)
    elif isinstance(value, dict) and _DIRECTIVE in value:
        original.pop(key, None)  # an instruction about something that is not there
    else:
        original[key] = _without_directives(_without_nulls(value))


def _retain(original: Object, patch: Object) -> None:
    if _RETAIN not in patch:
        return
    retained = patch.pop(_RETAIN)
    if not isinstance(retained, list):
        raise PatchFailed(f"{_RETAIN} is not a list")
    added = (key for key, value in patch.items() if value is not None and not key.startswith((_ORDER, _DELETE_FROM)))
    if any(key not in retained for key in added):
        raise PatchFailed(f"{_RETAIN} does not name all the fields that the patch sets beside it")
    for key in [key for key in original if key not in retained]:
        del original[key]


def _delete_primitives(original: Object, key: str, unwanted: Any) -> None:
    present = original.get(key)
    if isinstance(present, list) and isinstance(unwanted, list):
        if _holds_maps(present, unwanted):
            raise PatchFailed(f"{_DELETE_FROM}{key} is for lists of texts and numbers")
        original[key] = [item for item in present if index_of(unwanted, item) < 0]


# Lists


def _merge_list(original: list[Any], patch: list[Any], shape: Shape, name: str) -> list[Any]:
    if name not in shape.lists:
        return [_without_nulls(item) for item in patch]
    key = shape.lists[name]
    if not _holds_maps(original, patch):
        merged = _unique([*original, *patch])
        return _ordered(merged, patch, original, key)
    if key == PRIMITIVES:
        raise PatchFailed(f"{name} is a list of texts, and the patch has maps in it")
    original, patch = _direct_items(original, patch, key)
    merged = list(original)
    for item in patch:
        if key not in item:
            raise PatchFailed(f"an item of {name} has no {key}, by which the list is merged")
        place = _place(merged, key, item[key])
        if place < 0:
            merged.append(_added(item))
        else:
            merged[place] = _merge_map(merged[place], item, shape.of(name))
    return _ordered(merged, patch, original, key)


def _holds_maps(*lists: list[Any]) -> bool:
    """Whether the items are maps. Raises PatchFailed if they are of several types, or lists."""
    types = {type(item) for items in lists for item in items}
    if list in types or len(types) > 1:
        raise PatchFailed("the items of a list are not all of one type")
    return dict in types


def _direct_items(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """What is left of both lists when the items of `patch` that are instructions are carried out."""
    plain, replaced = [], False
    for item in patch:
        match item.get(_DIRECTIVE):
            case None if _DIRECTIVE not in item:
                plain.append(item)
            case "delete" if key in item:
                original = [kept for kept in original if not (key in kept and equal(kept[key], item[key]))]
            case "replace":
                replaced = True
            case other:
                raise PatchFailed(f"{_DIRECTIVE}: {other!r} is not possible for an item of a list, or {key} is missing")
    return (plain, []) if replaced else (original, plain)


def _set_orders(original: Object, patch: Object, shape: Shape) -> None:
    """Merges the lists that the patch gives an order for, and takes both out of the patch."""
    for directive in [key for key in patch if key.startswith(_ORDER)]:
        order, name = patch.pop(directive), directive.removeprefix(_ORDER)
        present, patched = original.get(name), patch.get(name)
        if not isinstance(order, list) or any(
            value is not None and not isinstance(value, list) for value in (present, patched)
        ):
            raise PatchFailed(f"{directive} or what it is for is not a list")
        key = shape.lists.get(name, PRIMITIVES)
        _check_order(directive, patched or [], order, key)
        if name in patch and patched is None:
            continue  # the list is removed
        if present is not None and patched is not None:
            merged = _merge_list(present, patched, shape, name)
        elif patched is not None:
            merged = _without_directives(patched)
        elif present is not None:
            merged = present
        else:
            continue
        if not present and not patched:
            raise PatchFailed(f"there is nothing that {directive} could be for")
        _holds_maps(present or [], patched or [])
        original[name] = _ordered(merged, order, _reused(present or [], patched or [], key), key)
        patch.pop(name, None)


def _reused(present: list[Any], patched: list[Any], key: str) -> list[Any]:
    """The order "before" that the API server goes by when a patch gives an order as well.

    It looks at the memory of the list as it was, in which deleted items have been closed up and new ones written behind them.
    """
    slots, length = list(present), len(present)
    if key == PRIMITIVES or key not in _keys_of(patched):
        return slots
    for item in patched:
        if item.get(_DIRECTIVE) == "delete":
            while (place := _place(slots[:length], key, item[key])) >= 0:
                slots[place : length - 1] = slots[place + 1 : length]
                length -= 1
    if any(item.get(_DIRECTIVE) == "replace" for item in patched):
        return slots
    for item in patched:
        is_new = _DIRECTIVE not in item and _place(slots[:length], key, item[key]) < 0
        if is_new and length < len(slots):
            slots[length] = item
            length += 1
    return slots


def _keys_of(items: list[Any]) -> set[str]:
    return {key for item in items if isinstance(item, dict) for key in item}


def _check_order(directive: str, patched: list[Any], order: list[Any], key: str) -> None:
    """The items of the patch must stand in the order too, one after the other as there."""
    waiting = [item for item in patched if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "delete")]
    remaining = list(order)
    while waiting and remaining:
        if (isinstance(waiting[0], dict) and _DIRECTIVE in waiting[0]) or _same_item(waiting[0], remaining.pop(0), key):
            waiting.pop(0)
    if waiting and order:
        raise PatchFailed(f"the list in the patch is not in the order of {directive}")


def _ordered(merged: list[Any], first: list[Any], before: list[Any], key: str) -> list[Any]:
    """The items that `first` has, in its order; between them the others, in the order of `before`.

    Of two that `before` has both, the one that stood in front stays in front.
    """
    ours = sorted((item for item in merged if _index(first, item, key) >= 0), key=lambda item: _index(first, item, key))
    theirs = [item for item in merged if _index(first, item, key) < 0]
    theirs.sort(key=lambda item: _index(before, item, key))
    result = []
    while ours and theirs:
        left, right = _index(before, theirs[0], key), _index(before, ours[0], key)
        result.append((theirs if 0 <= left < right else ours).pop(0))
    return [*result, *ours, *theirs]


def _index(items: Sequence[Any], wanted: Any, key: str) -> int:
    return next((number for number, item in enumerate(items) if _same_item(item, wanted, key)), -1)


def _same_item(left: Any, right: Any, key: str) -> bool:
    if key == PRIMITIVES:
        return equal(left, right)
    if not (isinstance(left, dict) and isinstance(right, dict) and key in left and key in right):
        raise PatchFailed(f"an item of a list has no {key}, by which the list is merged")
    return equal(left[key], right[key])


def _place(items: list[Any], key: str, value: Any) -> int:
    return next((number for number, item in enumerate(items) if key in item and equal(item[key], value)), -1)


def _unique(items: list[Any]) -> list[Any]:
    return [item for number, item in enumerate(items) if index_of(items, item) == number]


# What is new in the object has no instructions in it


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _without_directives(value: Any) -> Any:
    """Drops every map below `value` that holds an instruction."""
    if isinstance(value, dict):
        return {key: _without_directives(item) for key, item in value.items() if not _is_directive(key, item)}
    if isinstance(value, list):
        return [_without_directives(item) for item in value if not _is_directive("", item)]
    return value


def _is_directive(key: str, value: Any) -> bool:
    return key.startswith("$") or (isinstance(value, dict) and _DIRECTIVE in value)


def _added(value: Any) -> Any:
    """A new item of a list: the server takes it as it is, and then drops what no type of its own has, and nulls."""
    if isinstance(value, dict):
        return {key: _added(item) for key, item in value.items() if item is not None and not key.startswith("$")}
    return [_added(item) for item in value] if isinstance(value, list) else value
