"""JSON merge patches (RFC 7386): what is in the patch goes over the object, null removes, lists are replaced whole."""

from __future__ import annotations

from typing import Any

from holdfast.objects.fields import copied


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """The patched value; the arguments stay as they are."""
    if not isinstance(patch, dict):
        return copied(patch)
    merged = copied(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged
