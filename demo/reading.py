"""Everything that an application has in a cluster, read object by object, so that it can be compared later.

All namespaced kinds that the cluster serves are read, whether Holdfast would back them up or not. Only what the cluster
makes for itself, anew for every copy of the application, is passed over: `MADE_BY_THE_CLUSTER` says what and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from holdfast.cluster.cluster import Cluster
from holdfast.model.kubernetes import ObjectKey

JsonObject = dict[str, Any]
Reading = dict[ObjectKey, JsonObject]


class Made(NamedTuple):
    kinds: frozenset[str]
    why: str
    matches: Callable[[JsonObject], bool] = lambda _: True


def _controlled(obj: JsonObject) -> bool:
    return any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences", ()))


def _by_cron_job(obj: JsonObject) -> bool:
    return any(owner["kind"] == "CronJob" for owner in obj["metadata"].get("ownerReferences", ()))


MADE_BY_THE_CLUSTER = (
    Made(frozenset({"events", "events.events.k8s.io"}), "tell what happened in one cluster, and expire"),
    Made(frozenset({"endpoints", "endpointslices.discovery.k8s.io"}), "the addresses of this cluster's pods"),
    Made(frozenset({"leases.coordination.k8s.io"}), "who leads at this moment"),
    Made(frozenset({"pods.metrics.k8s.io"}), "measurements of this moment"),
    Made(
        frozenset({"configmaps"}),
        "this cluster's own certificate authority",
        lambda obj: obj["metadata"]["name"] in {"kube-root-ca.crt", "openshift-service-ca.crt"},
    ),
    Made(frozenset({"pods"}), "their controllers make them, with new names", _controlled),
    Made(frozenset({"controllerrevisions.apps"}), "StatefulSets write them from their own content", _controlled),
    Made(frozenset({"jobs.batch"}), "a CronJob starts them at its times", _by_cron_job),
)


def read_application(cluster: Cluster, namespace: str, cluster_scoped: Iterable[ObjectKey]) -> Reading:
    """The namespace, everything in it, and the cluster-scoped objects that are named. Raises ApiRefused."""
    surface = cluster.refresh_surface()
    found: Reading = {}
    for key in (ObjectKey("", "namespaces", "", namespace), *cluster_scoped):
        kind = surface.preferred(key.group, key.plural)
        data = cluster.get(kind, "", key.name) if kind else None
        if data is not None:
            found[key] = json.loads(data)
    for kind in surface.resources:
        if not kind.namespaced or "list" not in kind.verbs:
            continue
        for page in cluster.list(kind, namespace=namespace):
            for obj in map(json.loads, page.items):
                if not _made_by_the_cluster(kind.group_resource, obj):
                    found[ObjectKey(kind.group, kind.plural, namespace, obj["metadata"]["name"])] = obj
    return found


def _made_by_the_cluster(kind: str, obj: JsonObject) -> bool:
    return any(kind in made.kinds and made.matches(obj) for made in MADE_BY_THE_CLUSTER)
