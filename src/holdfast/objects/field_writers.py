"""Who wrote a field last: the managers that an object's managedFields name for a path."""

from __future__ import annotations

import re

from holdfast.objects.fields import Object, at, items

_STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_]*)|\["((?:[^"\\]|\\.)*)"\]')


def writers(obj: Object, path: str) -> list[str]:
    """Managers that own the field at `path`, written as `holdfast.objects.comparison.differences` writes it, or the nearest
    field above it that has an owner. Positions in lists are not followed: whoever owns a list is named.
    """
    steps = _steps(path)
    depths = {
        str(entry.get("manager")): _depth(at(entry, "fieldsV1"), steps)
        for entry in items(obj, "metadata", "managedFields")
    }
    deepest = max(depths.values(), default=0)
    return sorted(manager for manager, depth in depths.items() if depth == deepest > 0)


def _steps(path: str) -> list[str]:
    steps = []
    position = 0
    while found := _STEP.match(path, position):
        steps.append(found[1] or found[2])
        position = found.end()
    return steps


def _depth(fields: Object, steps: list[str]) -> int:
    depth = 0
    for step in steps:
        if f"f:{step}" not in fields:
            break
        fields = at(fields, f"f:{step}")
        depth += 1
    return depth
