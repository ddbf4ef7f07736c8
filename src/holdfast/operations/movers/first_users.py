"""Has volumes that wait for their first pod made where the pods of a workload can use them together, before movers fill them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused
from holdfast.manifests.first_user import first_user_job
from holdfast.manifests.jobs import JOBS
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object, text
from holdfast.objects.storage.first_users import FirstUser, NewClaim, first_users
from holdfast.operations.movers.exposing import ForRun
from holdfast.operations.movers.kinds import CLAIMS

_CLASSES = Resource(
    group="storage.k8s.io", version="v1", plural="storageclasses", kind="StorageClass", namespaced=False
)
_LATE = "WaitForFirstConsumer"
_PATIENCE = 60.0  # seconds; provisioners need some
_POLL = 0.3


def bind_together(cluster: Cluster, movers: ForRun, claims: Sequence[NewClaim], progress: Progress) -> None:
    """Returns when all are bound that had to be, or some are not after a while: then movers tell what hinders it.

    The claims are there, in the movers' namespace. For claims that no other one concerns nothing is made.
    Raises ClusterUnreachable, Cancelled, and ApiRefused for an account that may not make Jobs.
    """
    _Binding(cluster, movers).bind(claims, progress)


class _Binding:
    def __init__(self, cluster: Cluster, movers: ForRun) -> None:
        self._cluster = cluster
        self._movers = movers
        self._late: dict[str, bool] = {}  # by the name of the class

    def bind(self, claims: Sequence[NewClaim], progress: Progress) -> None:
        users = first_users(claims)
        waiting = {name for user in users for name in user.claims if self._waits(name)}
        users = first_users([claim for claim in claims if claim.mounted in waiting])
        if not users:
            return
        names = [f"holdfast-{self._movers.run_id}-place-{number}" for number, _ in enumerate(users)]
        try:
            for name, user in zip(names, users, strict=True):
                self._make(name, user)
            left = self._wait({claim for user in users for claim in user.claims})
        finally:
            for name in names:
                self._remove(name)
        if left:
            why = "they could not be made together with others of their pods"
            progress.warn(f"new volumes that are made one by one, because {why}: {len(left)}")

    def _waits(self, name: str) -> bool:
        claim = self._claim(name)
        return text(claim, "status", "phase") == "Pending" and self._is_late(text(claim, "spec", "storageClassName"))

    def _is_late(self, name: str) -> bool:
        """Of classes that may not be looked at, nothing is known, and nothing is done."""
        if name not in self._late:
            try:
                body = self._cluster.get(_CLASSES, "", name) if name else None
            except ApiRefused:
                body = None
            found: Object = msgspec.json.decode(body) if body else {}
            self._late[name] = found.get("volumeBindingMode") == _LATE
        return self._late[name]

    def _claim(self, name: str) -> Object:
        body = self._cluster.get(CLAIMS, self._home, name)
        found: Object = msgspec.json.decode(body) if body else {}
        return found

    def _make(self, name: str, user: FirstUser) -> None:
        settings = self._movers.settings
        job = first_user_job(
            user,
            name,
            self._home,
            run=self._movers.run_id,
            owner=self._movers.owner,
            image=settings.image,
            settings=settings.pod,
        )
        self._cluster.create(JOBS, self._home, msgspec.json.encode(job))

    def _wait(self, claims: set[str]) -> set[str]:
        """Those that are not bound in the end."""
        clock = self._cluster.connection.clock
        deadline = clock.monotonic() + _PATIENCE
        while True:
            claims = {name for name in claims if text(self._claim(name), "status", "phase") == "Pending"}
            if not claims or clock.monotonic() >= deadline:
                return claims
            self._cluster.connection.sleep(_POLL)

    def _remove(self, name: str) -> None:
        """What cannot be removed goes with the run. Another run has other names."""
        apart = self._cluster.apart()
        try:
            apart.delete(JOBS, self._home, name)
        except ApiRefused:
            return
        finally:
            apart.close()

    @property
    def _home(self) -> str:
        return self._movers.settings.namespace
