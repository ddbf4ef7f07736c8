"""What can go wrong while the testbed is set up.

The testbed is used by the product's tests and imports nothing of the product, so it has an error tree of its own; the
three parts are the same: what happened, why, and what to do next.
"""

from __future__ import annotations


class SetupFailed(Exception):
    def __init__(self, what: str, *, why: str = "", next: str = "") -> None:  # noqa: A002 - the design's own word
        self.what = what
        self.why = why
        self.next = next
        super().__init__("\n".join(part for part in (f"{what}: {why}" if why else what, next) if part))


class ToolMissing(SetupFailed):
    """A program that the machine must bring along is not there, or is too old. `tool` names it in a few words."""

    def __init__(self, tool: str, *, why: str, next: str) -> None:  # noqa: A002
        self.tool = tool
        super().__init__(f"{tool} is missing", why=why, next=next)


class ApiFailed(SetupFailed):
    """The API server answered a request of the testbed's own with an error; `status` is the HTTP code."""

    def __init__(self, what: str, *, status: int, why: str) -> None:
        self.status = status
        super().__init__(what, why=why)
