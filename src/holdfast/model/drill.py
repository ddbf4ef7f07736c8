"""A drill: a backup restored into a throw-away place and tried there. What is checked, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from holdfast.model.restore import ObjectResult, Waited
from holdfast.model.run import Run


class CheckKind(StrEnum):
    READY = "ready"  # made for every drill
    COMMAND = "command"
    QUERY = "query"
    CHECKSUM = "checksum"


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """Which container a check runs in: that of a ready pod of the workload."""

    kind: str  # as typed: "statefulset", "deploy", "pods"
    namespace: str  # as in the backup
    name: str
    container: str = ""  # "": the pod's default one

    def __str__(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name, self.container)))


@dataclass(frozen=True, slots=True)
class Check:
    """`text` is what the user wrote: a command, SQL, or the path of a file or directory."""

    kind: CheckKind
    target: CheckTarget
    text: str
    command: tuple[str, ...]  # what runs in the container
    expect: str = ""  # what its output must be, but for blanks around it; "": the exit code decides alone


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    kind: CheckKind
    target: str  # as in the backup; "" for `ready`
    check: str
    passed: bool
    seconds: float
    output: str = ""  # its beginning
    why: str = ""
    next: str = ""


class DrillReport(Run, kw_only=True, rename="camel"):
    """A drill's run, and what it proved."""

    backup: str  # snapshot id
    cluster: str
    whole: bool  # all namespaces of the backup
    namespaces: dict[str, str]  # as in the backup → where it was tried
    seconds: dict[str, float]  # restore, ready, checks, cleanup; rto: from the beginning until all was ready
    waited: Waited | None
    checks: list[CheckResult]
    objects: list[ObjectResult]
    kept: bool  # the namespaces are still there
