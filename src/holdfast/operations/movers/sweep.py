"""What dead runs left: a coordinator that was killed could not clean up.

A run is dead when its Lease was not renewed for a minute. Both ends of that minute are taken from the API server's clock, which
stamps every change of an object, because the clocks of two machines may differ by more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from holdfast.api.names import RUN_LABEL
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.objects.fields import Object, at, items, name_of, text
from holdfast.operations.applying import listed
from holdfast.operations.movers.kinds import LEASES, VOLUMES
from holdfast.operations.movers.lease import DURATION


def sweep(cluster: Cluster, namespace: str) -> list[str]:
    """Removes what dead runs left in a namespace, and their PersistentVolumes, whose data stays; gives these runs' ids.

    An account that may not see PersistentVolumes made none. Raises ApiRefused, ClusterUnreachable, Cancelled.
    """
    volumes = _volumes_of_runs(cluster, namespace)  # before Leases: a run has its Lease before it makes a volume
    leases = listed(cluster, LEASES, namespace=namespace, label_selector=RUN_LABEL)
    dead = dead_runs(leases, cluster.now()) if leases else []
    living = {run_of(lease) for lease in leases} - {run_of(lease) for lease in dead}
    swept = {run_of(lease) for lease in dead}
    for volume in volumes:
        if run_of(volume) not in living:
            swept.add(run_of(volume))
            _delete_volume(cluster, volume)
    for lease in dead:
        _delete_lease(cluster, namespace, lease)
    return sorted(swept)


def dead_runs(leases: Iterable[Object], now: dt.datetime) -> list[Object]:
    """Leases that were not renewed for a minute; `now` is by the API server's clock."""
    return [lease for lease in leases if now - _renewed(lease, now) > DURATION]


def run_of(obj: Object) -> str:
    return str(at(obj, "metadata", "labels").get(RUN_LABEL, ""))


def remove_volumes(cluster: Cluster, run: str) -> None:
    """The PersistentVolumes that a run made, not their data. Raises ApiRefused, also if the account may not look."""
    for volume in listed(cluster, VOLUMES, label_selector=f"{RUN_LABEL}={run}"):
        if _keeps_data(volume):
            _delete_volume(cluster, volume)


def _volumes_of_runs(cluster: Cluster, namespace: str) -> list[Object]:
    """Those for claims of this namespace."""
    try:
        found = listed(cluster, VOLUMES, label_selector=RUN_LABEL)
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return []
    return [one for one in found if text(one, "spec", "claimRef", "namespace") == namespace and _keeps_data(one)]


def _keeps_data(volume: Object) -> bool:
    """One with another policy is not a second one of somebody's volume: it goes with its claim."""
    return text(volume, "spec", "persistentVolumeReclaimPolicy") == "Retain"


def _delete_volume(cluster: Cluster, volume: Object) -> None:
    if "deletionTimestamp" in at(volume, "metadata"):
        return
    try:
        cluster.delete(VOLUMES, "", name_of(volume), uid=text(volume, "metadata", "uid"))
    except ApiRefused as error:
        if error.reason not in ("NotFound", "Conflict"):
            raise


def _delete_lease(cluster: Cluster, namespace: str, lease: Object) -> None:
    """Not if it was renewed after all."""
    metadata = at(lease, "metadata")
    try:
        cluster.delete(
            LEASES, namespace, name_of(lease), uid=str(metadata["uid"]), version=str(metadata["resourceVersion"])
        )
    except ApiRefused as error:
        if error.reason not in ("NotFound", "Conflict"):
            raise


def _renewed(lease: Object, now: dt.datetime) -> dt.datetime:
    """When the server was last told something of it; where it does not say, what the run itself said."""
    times = [text(entry, "time") for entry in items(lease, "metadata", "managedFields")]
    stamped = [moment for time in times if (moment := _moment(time))]
    if stamped:
        return max(stamped)
    return _moment(text(lease, "spec", "renewTime")) or now


def _moment(time: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(time).astimezone(dt.UTC)
    except ValueError:
        return None
