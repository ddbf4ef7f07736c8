"""Making an object whose name no other run gives, through an API server that may break off in the middle of it."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.api.names import RUN_LABEL
from holdfast.cluster import retry
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterUnreachable
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at

_ATTEMPTS = 6


def make(cluster: Cluster, resource: Resource, namespace: str, body: dict[str, Any]) -> Object:
    """The object as the server has it. One that is there already is the answer to an earlier try, if its run says so.

    Raises ApiRefused, ClusterUnreachable, Cancelled.
    """
    name = body["metadata"]["name"]
    encoded = msgspec.json.encode(body)
    attempt = 0
    while True:
        attempt += 1
        try:
            made: Object = msgspec.json.decode(cluster.create(resource, namespace, encoded))
        except ApiRefused as error:
            if error.reason == "AlreadyExists":
                found = cluster.get(resource, namespace, name)
                made = msgspec.json.decode(found) if found is not None else {}
                if _run(made) != _run(body):
                    raise
            elif error.status not in retry.SERVER_ERRORS or attempt == _ATTEMPTS:
                raise
            else:
                cluster.connection.sleep(retry.backoff(attempt))
                continue
        except ClusterUnreachable:
            if attempt == _ATTEMPTS:
                raise
            cluster.connection.sleep(retry.backoff(attempt))
            continue
        return made


def _run(obj: Object) -> object:
    return at(obj, "metadata", "labels").get(RUN_LABEL)
