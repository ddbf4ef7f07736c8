"""A namespace for trying things in: the user's own if it exists, else one that is made and removed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import HoldfastError, PlanRefused
from holdfast.objects.metadata import glimpse

LABEL = "holdfast.dev/verify"
_PATIENCE = 10.0  # seconds


@contextmanager
def scratch_namespace(cluster: Cluster, name: str, run: str) -> Iterator[None]:
    """Raises ApiRefused if it may not be made, PlanRefused if it is being deleted."""
    namespaces = cluster.api_surface().find("namespaces")
    found = cluster.get(namespaces, "", name)
    if found is not None:
        if glimpse(found).is_being_deleted:
            raise PlanRefused(f"the namespace {name} is being deleted", next="Name another with --scratch-namespace.")
        yield
        return
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: run}}}
    uid = glimpse(cluster.create(namespaces, "", msgspec.json.encode(body))).metadata.uid or ""
    try:
        _wait_for_account(cluster, name)
        yield
    finally:
        with suppress(HoldfastError):  # it is empty, and its label says whose it was
            cluster.delete(namespaces, "", name, uid=uid)


def _wait_for_account(cluster: Cluster, name: str) -> None:
    """Pods are refused until the namespace has its account `default`."""
    accounts = cluster.api_surface().find("serviceaccounts")
    clock = cluster.connection.clock
    end = clock.monotonic() + _PATIENCE
    while cluster.get(accounts, name, "default") is None and clock.monotonic() < end:
        cluster.connection.sleep(0.1)
