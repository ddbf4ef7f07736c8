"""The Secret from which a run's movers open the repository, where the namespace has none. What it holds comes into no text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from holdfast.cluster.cluster import Cluster
from holdfast.manifests.mover import run_labels
from holdfast.manifests.naming import run_lease
from holdfast.operations.movers.kinds import SECRETS
from holdfast.operations.movers.making import make


def make_secret(
    cluster: Cluster, namespace: str, run: str, owner: Mapping[str, Any], credentials: Mapping[str, bytes]
) -> str:
    """Gives its name. Raises ApiRefused, ClusterUnreachable, Cancelled."""
    name = run_lease(run)
    body = {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": run_labels(run),
            "ownerReferences": [dict(owner)],
        },
        "immutable": True,
        "data": {key: base64.b64encode(value).decode() for key, value in credentials.items()},
    }
    make(cluster, SECRETS, namespace, body)
    return name
