"""How a filled volume comes to the application's claim: what both ways have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from holdfast.model.restore import ObjectResult
from holdfast.operations.movers.exposing import ForRun
from holdfast.operations.movers.task import MoverEnd, MoverTask
from holdfast.operations.restore.plan import PlannedObject
from holdfast.operations.restore.writing import Change

Make = Callable[[PlannedObject, Change], ObjectResult]
"""Creates an object of the plan, perhaps changed."""


class RunOfMovers(ForRun, Protocol):
    """What is needed of `holdfast.operations.movers.run.Movers`."""

    def run(self, tasks: Sequence[MoverTask], done: Callable[[MoverEnd], None] = ...) -> list[MoverEnd]: ...


class Way(Protocol):
    """Of one volume. The three are called one after the other; `succeed` or `give_up`, never both."""

    overwrites: bool  # whether the mover may find something in the volume

    def begin(self) -> str:
        """The name of the claim that the mover mounts, in its namespace. Raises ClusterError."""
        ...

    def succeed(self) -> ObjectResult | None:
        """The data is there. What became of the claim; None if the plan had nothing to do to it. Raises ClusterError."""
        ...

    def give_up(self, why: str, next_step: str) -> ObjectResult | None:
        """The data is not there, or not all of it. Raises ClusterError."""
        ...
