"""The namespace in which movers run: made if there is none. It stays, because other runs may come into it at any time."""

from __future__ import annotations

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError
from holdfast.manifests.installation import InstallOptions
from holdfast.manifests.installation import namespace as installed_namespace
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object, at
from holdfast.objects.limits.pod_security import Level, level_of
from holdfast.operations.movers.kinds import NAMESPACES
from holdfast.operations.movers.making import make

_ACCOUNTS = Resource(group="", version="v1", plural="serviceaccounts", kind="ServiceAccount", namespaced=True)
_GOING = 120.0  # seconds that a namespace may take to be gone; five to ten are usual
_ACCOUNT = 10.0  # seconds until a new namespace has its account
_LOOK = 0.25


def enter(cluster: Cluster, name: str, progress: Progress) -> Level:
    """What the namespace allows its pods. Raises ApiRefused, ClusterError if one of this name stays on its way out."""
    try:
        while (found := _living(cluster, name)) is None:
            _make(cluster, name)
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        progress.warn(f"nobody knows what pods the namespace {name} allows, so movers are not root: {error.why}")
        return Level.RESTRICTED
    return level_of(found, "enforce")


def _living(cluster: Cluster, name: str) -> Object | None:
    """Waits for the end of one that is being deleted."""
    clock = cluster.connection.clock
    end = clock.monotonic() + _GOING
    while (body := cluster.get(NAMESPACES, "", name)) is not None:
        found: Object = msgspec.json.decode(body)
        if "deletionTimestamp" not in at(found, "metadata"):
            return found
        if clock.monotonic() >= end:
            raise ClusterError(
                f"the namespace {name} is being deleted",
                why=f"it was not gone after {_GOING:.0f} s",
                next="Look at what is left in it, or name another with --mover-namespace.",
            )
        cluster.connection.sleep(_LOOK)
    return None


def _make(cluster: Cluster, name: str) -> None:
    try:
        make(cluster, NAMESPACES, "", installed_namespace(InstallOptions(namespace=name)))
    except ApiRefused as error:
        if error.reason != "AlreadyExists":  # another run was faster
            raise
    _wait_for_account(cluster, name)


def _wait_for_account(cluster: Cluster, name: str) -> None:
    """Pods are refused until the namespace has its account `default`."""
    clock = cluster.connection.clock
    end = clock.monotonic() + _ACCOUNT
    while cluster.get(_ACCOUNTS, name, "default") is None and clock.monotonic() < end:
        cluster.connection.sleep(_LOOK)
