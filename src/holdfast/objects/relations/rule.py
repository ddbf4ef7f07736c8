"""The forms that rows of the tables have. Each leads from one object that is taken to others.

Either the object names the other one (a pod its Secret), or the other one is found because of what it points at (an Ingress
points at a Service) or whose pods it selects.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.relations.document import Document, is_custom


class Way(enum.IntEnum):
    """How an object came in, which decides how far it leads. The greater one holds if there are several."""

    OWNER = 1  # to what it names, and to its own owners; not to what else it owns
    NEEDED = 2  # to what points at it by name and what it owns, too
    WORKLOAD = 3  # the workload and what it owns: to what selects its pods, too


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: str
    what: str  # what comes along for what, for people
    reason: str  # goes before the object that leads here: `image pull secret of deployments.apps/shop/web`
    kinds: frozenset[str] = frozenset()  # that hold what the row looks at
    custom: bool = False  # and all custom kinds
    every: bool = False  # all kinds there are

    def applies_to(self, resource: Resource) -> bool:
        return self.every or resource.group_resource in self.kinds or (self.custom and is_custom(resource))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingRule(_Row):
    """An object of these kinds names what comes along."""

    names: Callable[[Document], Iterator[ObjectKey]]
    way: Way = Way.NEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingRule(_Row):
    """An object of these kinds comes along with what it points at."""

    points_at: Callable[[Document], Iterator[ObjectKey]]
    of_workload: bool = False  # only what points at the workload itself comes along
    belongs: bool = False  # what comes along leads as far as what it points at


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectingRule(_Row):
    """An object of these kinds comes along with a workload whose pods it selects; None selects none."""

    selects: Callable[[Document], LabelSelector | None]
