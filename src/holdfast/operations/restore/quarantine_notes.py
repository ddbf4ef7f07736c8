"""What a plan says about its quarantine: object by object, and in one sentence."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

from holdfast.model.restore import Action
from holdfast.objects.fields import Object
from holdfast.objects.isolation import POLICY
from holdfast.objects.transforms.quarantine import changed_by_quarantine
from holdfast.objects.transforms.transform import Context
from holdfast.operations.restore.plan import PlannedObject, namespaces_of
from holdfast.operations.restore.quarantine import foreign_namespaces
from holdfast.operations.restore.target import Target


class QuarantineNotes:
    """Thread-safe."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._guard = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._namespaces: set[str] = set()

    def look_at(self, item: PlannedObject, original: Object, context: Context) -> PlannedObject:
        """The object with what the quarantine does to it; blocked where its namespace is none."""
        namespaces = namespaces_of([item])
        with self._guard:
            self._namespaces.update(namespaces)
        if item.action is Action.LEFT_OUT:
            self._count("left out" if item.why.startswith("quarantine: ") else "")
            return item
        if foreign_namespaces(self._target, namespaces):
            why = f"the namespace {namespaces[0]} exists and is no quarantine"
            return replace(item, action=Action.BLOCKED, why=why, next="Give it another name with --map-namespace.")
        rows = changed_by_quarantine(item.resource.group_resource, original, context)
        if not rows:
            return item
        self._count("changed")
        return replace(item, why="; ".join(filter(None, (item.why, f"changed by {', '.join(rows)}"))))

    def note(self) -> str:
        left_out, changed = self._counts["left out"], self._counts["changed"]
        return (
            f"Quarantine: {left_out:,} objects are left out and {changed:,} changed; the NetworkPolicy {POLICY} closes "
            f"{', '.join(sorted(self._namespaces)) or 'no namespace'}, if the cluster's network enforces policies."
        )

    def _count(self, what: str) -> None:
        with self._guard:
            self._counts[what] += 1
