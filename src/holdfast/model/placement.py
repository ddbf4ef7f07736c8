"""Where a mover may run, and as whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Parts of a pod's specification, in Kubernetes' spelling, that a mover takes over from whoever uses its volume.

    Labels are never among them, so that no Service, NetworkPolicy or controller takes the mover for one of the workload.
    """

    nodes: tuple[str, ...] = ()  # names of the nodes that may run it, as the volume wants it; empty: any
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: Mapping[str, Any] = field(default_factory=dict)  # `affinity.nodeAffinity`
    tolerations: Sequence[Mapping[str, Any]] = ()
    requests: Mapping[str, str] = field(default_factory=dict)
    """What the workload's pods request: a volume that is made where its first user lands must land where they fit."""
    scheduler: str = ""
    runtime_class: str = ""
    se_linux: Mapping[str, str] = field(default_factory=dict)  # `securityContext.seLinuxOptions`
    user: int | None = None  # as whom the workload runs, if it says so: what a mover is where no root may run
    group: int | None = None
    reason: str = ""  # for people: "node worker-1, where pod shop/db-0 uses it"
