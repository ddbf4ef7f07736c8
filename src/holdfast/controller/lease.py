"""Which of several controllers works: the holder of a Lease. Pure; `elect` says what to write.

As client-go does it: a lease is taken when nobody renewed it for its duration, measured by our own clock since we saw it change,
because clocks of two machines differ.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import msgspec

from holdfast.model.kubernetes import Resource

LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", namespaced=True)
NAME = "holdfast-controller"
DURATION = 30.0  # seconds
RENEW_EVERY = 10.0
LOOK_EVERY = 7.5
"""So often one that waits reads it."""
GIVE_UP_AFTER = 20.0
"""A holder that could not renew for so long stops, well before another one may begin."""


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str = ""
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class Seen(NamedTuple):
    """A lease as it stood when it was seen to change last."""

    renewed: str
    holder: str
    at: float  # seconds of our own monotonic clock


def notice(lease: Lease, before: Seen | None, monotonic: float) -> Seen:
    if before is not None and (before.renewed, before.holder) == (lease.spec.renew_time, lease.spec.holder_identity):
        return before
    return Seen(lease.spec.renew_time, lease.spec.holder_identity, monotonic)


def elect(
    lease: Lease | None, seen: Seen | None, identity: str, now: dt.datetime, monotonic: float
) -> dict[str, Any] | None:
    """The body to write in order to become or stay the holder; None while another one is."""
    spec = lease.spec if lease is not None else _Spec()
    is_mine = spec.holder_identity == identity
    is_free = not spec.holder_identity or (seen is not None and monotonic - seen.at >= DURATION)
    if not is_mine and not is_free:
        return None
    metadata = {"name": NAME}
    if lease is not None:
        metadata["resourceVersion"] = lease.metadata.resource_version
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": spec.acquire_time if is_mine else _micro_time(now),
            "renewTime": _micro_time(now),
            "leaseTransitions": spec.lease_transitions + (not is_mine and lease is not None),
        },
    }


def released(lease: Lease, identity: str) -> dict[str, Any] | None:
    """The body that lets another one begin at once; None if we do not hold it."""
    if lease.spec.holder_identity != identity:
        return None
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": NAME, "resourceVersion": lease.metadata.resource_version},
        "spec": {"leaseTransitions": lease.spec.lease_transitions},
    }


def _micro_time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
