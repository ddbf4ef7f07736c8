"""How one run went, as the status of an object tells it and as the run's pod reports it.

A pod writes a RunStatus as JSON to its termination message (`/dev/termination-log`), which needs no right to write anything in
the cluster and outlives the container. Kubernetes keeps 4,096 bytes of it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdfast.api.rules import AS_A_WHOLE

LIMIT = 4096
"""Bytes that Kubernetes keeps of a termination message."""


class RunProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that went wrong."""

    what: Annotated[str, Meta(description="What happened.")]
    why: Annotated[str, Meta(description="Why.")] = ""
    next: Annotated[str, Meta(description="What to do.")] = ""


class RunStatus(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """How a run went."""

    verb: Annotated[str, Meta(description="What was run: backup create, restore run, …")] = ""
    id: Annotated[str, Meta(description="Id of the backup's snapshot, or of the run.")] = ""
    run: Annotated[str, Meta(description="Id of the run.")] = ""
    name: Annotated[str, Meta(description="Name of the backup.")] = ""
    type: Annotated[str, Meta(description="full, incremental or differential.")] = ""
    outcome: Annotated[str, Meta(description="done, partial, failed or cancelled; empty while it runs.")] = ""
    reason: Annotated[str, Meta(description="Why it failed, one word: WrongPassword, Evicted, ImagePullBackOff, …")] = (
        ""
    )
    exit_code: Annotated[int, Meta(description="As of the command line: 0 done, 1 failed, 3 partial, …")] = 0
    job: Annotated[str, Meta(description="The Job that ran it.")] = ""
    scheduled_at: Annotated[str, Meta(description="The time that the schedule meant; empty for runs by hand.")] = ""
    started_at: Annotated[str, Meta(description="When the run began.")] = ""
    finished_at: Annotated[str, Meta(description="When the run ended.")] = ""
    counts: Annotated[dict[str, int], Meta(description="How many objects, …")] = {}
    bytes: Annotated[dict[str, int], Meta(description="How much was read, added, stored.")] = {}
    errors: Annotated[
        list[RunProblem], AS_A_WHOLE, Meta(description="The first few; the report in the repository has all.")
    ] = []
