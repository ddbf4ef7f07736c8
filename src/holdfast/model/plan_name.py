"""How a BackupPlan is named outside of its cluster: `shop/nightly`."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from holdfast.errors import UsageError

_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_PLAN = re.compile(rf"({_NAME})/({_NAME})", re.ASCII)


class PlanName(NamedTuple):
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        found = _PLAN.fullmatch(text)
        if found is None:
            raise UsageError(
                f"--plan {text!r:.80} does not name a plan",
                why="a plan is named by its namespace and its name, as Kubernetes allows them",
                next="Write it as NAMESPACE/NAME.",
            )
        return cls(found[1], found[2])
