"""Which hooks are for which pods.

A pod's own annotations win over what was given, for each time by itself, as in Velero: a pod that says what is done before its
backup is done that and nothing else. Holdfast's annotations win over Velero's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdfast.model.hooks import Hook, HookSet
from holdfast.objects.fields import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class PodHooks:
    """One pod with its hooks, whose containers are decided."""

    namespace: str
    pod: str
    workload: str  # "statefulset/db"; "" for a pod of its own
    running: frozenset[str] = frozenset()  # its containers that run
    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    dumps: tuple[Hook, ...] = ()
    after_restore: tuple[Hook, ...] = ()
    found: tuple[str, ...] = field(default=())  # databases that a recipe recognised: "MariaDB in the container db"
    notes: tuple[str, ...] = field(default=())  # what people should know: annotations that are not applied, …


def select_hooks(pods: Iterable[Object], given: HookSet) -> list[PodHooks]:
    """The pods that have hooks or something to say, in the order in which they come."""
    raise NotImplementedError
