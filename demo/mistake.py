"""A mistake as people make it: the wrong manifest is applied, and something is deleted by hand."""

from __future__ import annotations

import json
from typing import Any

from holdfast.cluster.cluster import Cluster, PatchType
from holdfast.model.kubernetes import ObjectKey

_APPLIED: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"currency": "USD", "greeting": "Hello"},
    },
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 0}},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web-v2"}},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings-v2"},
        "data": {"currency": "USD"},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web-v2"},
        "spec": {"selector": {"app": "web-v2"}, "ports": [{"port": 80}]},
    },
)
_DELETED = (("", "secrets", "database"), ("networking.k8s.io", "ingresses", "web"))


def make_mistake(cluster: Cluster, namespace: str) -> list[str]:
    """What was done, a line each."""
    done = []
    for manifest in _APPLIED:
        kind = cluster.api_surface().by_kind(manifest["apiVersion"], manifest["kind"])
        assert kind is not None
        name = manifest["metadata"]["name"]
        body = json.dumps(manifest).encode()
        cluster.patch(kind, namespace, name, body, patch_type=PatchType.APPLY, field_manager="somebody", force=True)
        done.append(f"applied {ObjectKey(kind.group, kind.plural, namespace, name)}")
    for group, plural, name in _DELETED:
        resource = cluster.api_surface().preferred(group, plural)
        assert resource is not None
        cluster.delete(resource, namespace, name)
        done.append(f"deleted {ObjectKey(group, plural, namespace, name)}")
    return done
