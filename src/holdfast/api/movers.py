"""How the volumes of a run are moved: by how many pods at once, and how much of a machine each may take."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Few = Annotated[int, Meta(ge=1, le=100)]
Quantity = Annotated[str, Meta(max_length=32, pattern=r"^$|^[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?$")]
"""Of processors or memory, as Kubernetes writes them: `500m`, `1Gi`."""


class MoverFields(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Of the pods that read or write volumes. On which nodes they run is said by the volumes and by who uses them."""

    parallel: Annotated[Few | None, Meta(description="Volumes at once; by default 4. --parallel-volumes")] = None
    parallel_per_node: Annotated[
        Few | None, Meta(description="Of these on one node; by default 2. --parallel-per-node")
    ] = None
    cpu: Annotated[Quantity, Meta(description="Processors that each may take; by default 1. --mover-cpu")] = ""
    memory: Annotated[Quantity, Meta(description="Memory that each may take; by default 1Gi. --mover-memory")] = ""
