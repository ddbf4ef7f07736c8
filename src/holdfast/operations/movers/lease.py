"""The sign that a run lives, and the owner of all that it makes in its namespace.

While the coordinator works, it renews the Lease. A run whose Lease was not renewed for a minute is dead (`sweep`): whoever finds
it deletes the Lease, and Kubernetes collects what the Lease owned. A coordinator that was only held up learns of that here.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError
from holdfast.manifests.mover import run_labels
from holdfast.manifests.naming import run_lease
from holdfast.objects.fields import Object, put, text
from holdfast.operations.movers.kinds import LEASES
from holdfast.operations.movers.making import make

DURATION = dt.timedelta(seconds=60)
_RENEW_EVERY = 10.0  # seconds
_TAKEN = "this run was taken for dead, or somebody deleted it"
_UNREACHABLE_FOR = 600.0
"""So many seconds an API server may be away. Nobody can take a Lease meanwhile, and movers go on."""


class RunLease:
    """`take`, `check` now and then, `release`. It is renewed in a thread between the first and the last."""

    def __init__(self, cluster: Cluster, namespace: str, run: str) -> None:
        """`cluster` must go on working after a stop was asked for: see `Cluster.apart`."""
        self._cluster = cluster
        self._namespace = namespace
        self._run = run
        self._held: Object = {}  # as it was written last
        self._released = threading.Event()
        self._failure: ClusterError | None = None
        self._renewer = threading.Thread(target=self._renew, name="lease of the run", daemon=True)

    @property
    def _uid(self) -> str:
        return text(self._held, "metadata", "uid")

    @property
    def is_taken(self) -> bool:
        return bool(self._held)

    @property
    def owner(self) -> dict[str, Any]:
        """An entry of ownerReferences for what goes with it."""
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "name": run_lease(self._run),
            "uid": self._uid,
            "blockOwnerDeletion": False,
        }

    def take(self) -> None:
        """Raises ApiRefused, ClusterUnreachable."""
        now = _micro_time(self._cluster.connection.clock.now())
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "name": run_lease(self._run),
                "namespace": self._namespace,
                "labels": run_labels(self._run),
            },
            "spec": {
                "holderIdentity": self._run,
                "leaseDurationSeconds": int(DURATION.total_seconds()),
                "acquireTime": now,
                "renewTime": now,
            },
        }
        self._held = make(self._cluster, LEASES, self._namespace, body)
        self._renewer.start()

    def check(self) -> None:
        """Raises ClusterError if it was lost, ClusterUnreachable if the API server has been away for too long."""
        if self._failure is not None:
            raise self._failure

    def prove(self) -> None:
        """As `check`, by asking for it now. Raises ApiRefused, ClusterUnreachable too."""
        self.check()
        found = self._cluster.get(LEASES, self._namespace, run_lease(self._run))
        if found is None or text(msgspec.json.decode(found), "metadata", "uid") != self._uid:
            raise self._lost(_TAKEN)

    def release(self) -> None:
        """Deletes it, and lets Kubernetes collect what it owns. Raises ApiRefused, ClusterUnreachable."""
        self._released.set()
        if self._renewer.is_alive():
            self._renewer.join()
        if self.is_taken:
            try:
                self._cluster.delete(LEASES, self._namespace, run_lease(self._run), uid=self._uid)
            except ApiRefused as error:
                if error.reason not in ("NotFound", "Conflict"):
                    raise

    def _renew(self) -> None:
        clock = self._cluster.connection.clock
        renewed = clock.monotonic()
        while not self._released.wait(_RENEW_EVERY):
            try:
                if not self._write(_micro_time(clock.now())):
                    self._failure = self._lost(_TAKEN)
                renewed = clock.monotonic()
            except ApiRefused as error:
                if clock.monotonic() - renewed > DURATION.total_seconds():
                    self._failure = self._lost(f"it could not be renewed: {error.why or error.what}")
            except ClusterError as error:
                if clock.monotonic() - renewed > _UNREACHABLE_FOR:
                    self._failure = error
            if self._failure is not None:
                return

    def _write(self, renewed: str) -> bool:
        """Whether it is still there. Raises ApiRefused, ClusterUnreachable."""
        name = run_lease(self._run)
        put(self._held, "spec", "renewTime", value=renewed)
        try:
            answer: bytes | None = self._cluster.replace(LEASES, self._namespace, name, msgspec.json.encode(self._held))
        except ApiRefused as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise
            answer = self._cluster.get(LEASES, self._namespace, name)  # it was written without an answer, or is gone
        found: Object = msgspec.json.decode(answer) if answer is not None else {}
        if text(found, "metadata", "uid") != self._uid:
            return False
        self._held = found
        return True

    def _lost(self, why: str) -> ClusterError:
        return ClusterError(
            f"the Lease {self._namespace}/{run_lease(self._run)} of this run is lost",
            why=why,
            next="Run the command again; what its movers stored already is not stored twice.",
        )


def _micro_time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
