"""What movers are asked to do, with which settings, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.api.pod_settings import PodSettings
from holdfast.model.placement import Placement
from holdfast.model.run import Problem
from holdfast.operations.movers.contract import Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverSettings:
    """What all movers of a run have in common. All of them run in one namespace, that of the location.

    A claim of another namespace is brought there by a second PersistentVolume with the same source: whoever may exec or read
    Secrets beside the application must not get at a repository that is shared.
    """

    namespace: str
    image: str
    repository: str  # its URL as pods reach it
    cluster_name: str  # becomes the hostname of parts
    secret: str = (
        ""  # of the namespace, with the repository's credentials; "": one is made for the run from `credentials`
    )
    credentials: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    account: str = ""  # a ServiceAccount of the namespace, for its pull secrets: no mover gets its token; "": `default`
    parallel: int = 4
    parallel_per_node: int = 2
    resources: Mapping[str, Any] = field(default_factory=dict)  # of the container; empty: one processor, 128 Mi to 1 Gi
    pod: PodSettings = field(default_factory=PodSettings)
    patience: float = 300.0  # seconds for a pod to begin; less where waiting does not help (`outcomes.patience_with`)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverTask:
    """One volume for a pod of its own."""

    namespace: str  # of the claim as the backup knows it; both name the task to people
    claim: str
    mounted_claim: str  # in the movers' namespace: the same one, or one that stands in for it
    command: list[str]  # after `holdfast`: ["mover", "read", …]
    placement: Placement = field(default_factory=Placement)
    writes: bool = False  # mounts the volume to be written
    node: str = ""  # where it will run, if that is known before; counts for `parallel_per_node`
    bytes: int = 0  # what is expected, for progress; 0: unknown

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.claim}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverEnd:
    """What became of a task: what its mover said at last, or why there is no such thing."""

    task: MoverTask
    moved: Moved | None = None
    problem: Problem | None = None  # set if and only if `moved` is None, or says that it failed
    node: str = ""
    attempts: int = 1
    waited: float = 0.0  # seconds from the Job's creation until its container ran
    seconds: float = 0.0  # from then on until it ended
