"""How a BackupPlan is named outside of its cluster: `shop/nightly`."""

from __future__ import annotations

from typing import NamedTuple, Self

from holdfast.errors import UsageError
from holdfast.model.kubernetes import namespace_and_name


class PlanName(NamedTuple):
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        found = namespace_and_name(text)
        if found is None or not found[0]:
            raise UsageError(
                f"--plan {text!r:.80} does not name a plan",
                why="a plan is named by its namespace and its name, as Kubernetes allows them",
                next="Write it as NAMESPACE/NAME.",
            )
        return cls(*found)
