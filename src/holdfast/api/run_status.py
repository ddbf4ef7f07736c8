"""How one run went, as the status of an object tells it and as the run's pod reports it.

A pod writes a RunStatus as JSON to its termination message (`/dev/termination-log`), which needs no right to write anything in
the cluster and outlives the container. Kubernetes keeps 4,096 bytes of it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LIMIT = 4096
"""Bytes that Kubernetes keeps of a termination message."""


class RunProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    what: str
    why: str = ""
    next: str = ""


class RunStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    verb: Annotated[str, Meta(description="What was run: backup create, restore run, …")] = ""
    id: Annotated[str, Meta(description="Id of the backup's snapshot, or of the run.")] = ""
    run: str = ""
    name: Annotated[str, Meta(description="Name of the backup.")] = ""
    type: str = ""
    outcome: Annotated[str, Meta(description="done, partial, failed or cancelled; empty while it runs.")] = ""
    reason: Annotated[str, Meta(description="Why it failed, one word: WrongPassword, Evicted, ImagePullBackOff, …")] = (
        ""
    )
    exit_code: int = 0
    job: Annotated[str, Meta(description="The Job that ran it.")] = ""
    scheduled_at: Annotated[str, Meta(description="The time that the schedule meant; empty for runs by hand.")] = ""
    started_at: str = ""
    finished_at: str = ""
    counts: dict[str, int] = {}
    bytes: dict[str, int] = {}
    errors: Annotated[list[RunProblem], Meta(description="The first few; the report in the repository has all.")] = []
