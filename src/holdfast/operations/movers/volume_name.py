"""The name of a volume on a command line: the claim that it belongs to."""

from __future__ import annotations

from typing import NamedTuple, Self

from holdfast.errors import UsageError
from holdfast.model import tags
from holdfast.model.volume import volume_path


class VolumeName(NamedTuple):
    namespace: str
    claim: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.claim}"

    @property
    def path(self) -> str:
        """Where its files are in a backup."""
        return volume_path(self.namespace, self.claim)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`shop/data`. Raises UsageError."""
        namespace, _, claim = tags.check_tag_value("--volume", text).partition("/")
        if not claim or "/" in claim or {namespace, claim} & {"", ".", ".."}:
            raise UsageError(
                f"--volume {text!r:.80} names no claim",
                why="it is NAMESPACE/CLAIM",
                next="Give both, with one / between.",
            )
        return cls(namespace, claim)
