"""How volumes of a run are moved: by how many pods at once, with how much of a machine each."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Few = Annotated[int, Meta(ge=1, le=100)]


class MoverFields(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Of the pods that read or write volumes. Where they run is said by the volumes and by who uses them."""

    parallel: Annotated[Few | None, Meta(description="Volumes at once; by default 4. --parallel-volumes")] = None
    parallel_per_node: Annotated[
        Few | None, Meta(description="Of these on one node; by default 2. --parallel-per-node")
    ] = None
    resources: Annotated[
        dict[str, Any],
        Meta(description="Requests and limits of each one's container. By default one processor and 128 Mi to 1 Gi."),
    ] = {}
