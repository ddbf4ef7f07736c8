"""Brings a claim of another namespace into the movers' own, by a second PersistentVolume with the same source.

A pod mounts claims of its own namespace only, and movers must not run where a tenant could read their credentials. The second
volume is bound to a claim beside the movers. Both are made for one another and have no class, so no provisioner acts. The volume
is only a name: its reclaim policy is Retain from its first moment on, so that removing it never touches data.

Both volumes may be mounted on one node at once. For the kubelet and the attach/detach controller a CSI volume is its driver and
handle, whatever PersistentVolume leads to it: it is attached and staged once, and each pod gets a mount of its own (Kubernetes'
pkg/volume/csi: GetVolumeName, getAttachmentName, makeDeviceMountPath). For the same reason one pod must not mount both; it would
wait for the second for ever (kubernetes/kubernetes#91556). A driver's attacher puts a finalizer on the volume that an attachment
was made for. If that was the second one, it goes only when the volume is detached, which may be long after the run.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from holdfast.api.names import CLI_MANAGER
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.kubernetes import Resource
from holdfast.objects.fields import Object, at, copied, name_of, namespace_of, text, texts
from holdfast.operations.movers.kinds import CLAIMS, VOLUMES
from holdfast.operations.movers.task import MoverSettings

_NOT_CARRIED = frozenset({"claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "volumeAttributesClassName"})
"""Fields of a PersistentVolume's spec that say who has it and who looks after it, not what it is."""
_PATIENCE = 60.0  # seconds; a binding takes one or two
_POLL = 0.2


class ForRun(Protocol):
    """The run whose movers mount what is exposed."""

    @property
    def settings(self) -> MoverSettings: ...
    @property
    def run_id(self) -> str: ...
    @property
    def owner(self) -> Mapping[str, Any]:
        """An ownerReference to an object of the movers' namespace, with which all goes."""

    @property
    def labels(self) -> Mapping[str, str]:
        """By which the run's objects are found; PersistentVolumes have no owner."""


@dataclass(slots=True)
class _Made:
    """UIDs of what there is under one name, "" as long as nobody knows whether it is there."""

    claim: str = ""
    volume: str = ""


class Exposures:
    """The claims that stand in for others in one run, each with a volume of the same name. May be called from many threads."""

    def __init__(self, cluster: Cluster, movers: ForRun, *, patience: float = _PATIENCE) -> None:
        self._cluster = cluster
        self._movers = movers
        self._patience = patience
        self._lock = threading.Lock()
        self._number = 0
        self._made: dict[str, _Made] = {}

    def expose(self, claim: Object) -> str:
        """The name of the claim that a mover mounts for this one: its own, if it is in the movers' namespace.

        Raises ClusterError if it or its volume is gone, if the caller may not do this, or if it is not bound in time; then
        nothing of it is left.
        """
        if namespace_of(claim) == self._home:
            return name_of(claim)
        volume = self._volume_of(claim)
        with self._lock:
            self._number += 1
            name = f"holdfast-{self._movers.run_id}-{self._number}"
            made = self._made[name] = _Made()
        try:
            with _explained(claim, self._home):
                made.volume = self._post(VOLUMES, "", self._second_volume(name, volume))
                made.claim = self._post(CLAIMS, self._home, self._second_claim(name, volume))
            self._wait_bound(name, claim)
        except ClusterError:
            with contextlib.suppress(ClusterError):
                self.withdraw(name)
            raise
        return name

    def withdraw(self, name: str) -> None:
        """Removes what `expose` made under this name, also after a stop was asked for; any other claim stays.

        Whatever a pod still mounts goes when that pod has gone. Raises ClusterError.
        """
        made = self._made.get(name)
        if made is None:
            return
        cluster = self._cluster.apart()
        try:
            _delete(cluster, CLAIMS, self._home, name, made.claim)
            _delete(cluster, VOLUMES, "", name, made.volume)
        finally:
            cluster.close()
        self._made.pop(name, None)

    def withdraw_all(self) -> None:
        """All that is left. Raises the last ClusterError, when everything has been tried."""
        failure: ClusterError | None = None
        for name in list(self._made):
            try:
                self.withdraw(name)
            except ClusterError as error:
                failure = error
        if failure is not None:
            raise failure

    @property
    def _home(self) -> str:
        return self._movers.settings.namespace

    def _volume_of(self, claim: Object) -> Object:
        """As it is now; what was listed some time ago may be gone."""
        what = _what(claim, self._home)
        now = self._read(CLAIMS, namespace_of(claim), name_of(claim))
        uid = text(claim, "metadata", "uid")
        if now is None or (uid and text(now, "metadata", "uid") != uid):
            raise ClusterError(what, why="the claim has been deleted meanwhile", next="Run the command again.")
        name = text(now, "spec", "volumeName")
        volume = self._read(VOLUMES, "", name) if name else None
        holder = text(volume or {}, "spec", "claimRef", "uid")
        if volume is None or holder != text(now, "metadata", "uid"):
            raise ClusterError(
                what,
                why=f"its volume {name} is gone, or is another claim's" if name else "it has no volume",
                next=f"See `kubectl -n {namespace_of(claim)} describe pvc {name_of(claim)}`.",
            )
        return volume

    def _post(self, resource: Resource, namespace: str, obj: Object) -> str:
        """The UID that it has got."""
        made = self._cluster.create(resource, namespace, msgspec.json.encode(obj), field_manager=CLI_MANAGER)
        return text(msgspec.json.decode(made), "metadata", "uid")

    def _second_volume(self, name: str, volume: Object) -> Object:
        source = {field: copied(value) for field, value in at(volume, "spec").items() if field not in _NOT_CARRIED}
        reference = {"apiVersion": "v1", "kind": CLAIMS.kind, "namespace": self._home, "name": name}
        return {
            "apiVersion": "v1",
            "kind": VOLUMES.kind,
            "metadata": {"name": name, "labels": dict(self._movers.labels)},
            "spec": source | {"claimRef": reference, "persistentVolumeReclaimPolicy": "Retain", "storageClassName": ""},
        }

    def _second_claim(self, name: str, volume: Object) -> Object:
        spec = at(volume, "spec")
        metadata = {"name": name, "namespace": self._home, "labels": dict(self._movers.labels)}
        return {
            "apiVersion": "v1",
            "kind": CLAIMS.kind,
            "metadata": metadata | {"ownerReferences": [dict(self._movers.owner)]},
            "spec": {
                "accessModes": texts(spec, "accessModes"),
                "resources": {"requests": {"storage": text(spec, "capacity", "storage")}},
                "storageClassName": "",  # none: a default class would be put where nothing is said
                "volumeMode": text(spec, "volumeMode") or "Filesystem",
                "volumeName": name,
            },
        }

    def _wait_bound(self, name: str, claim: Object) -> None:
        clock = self._cluster.connection.clock
        deadline = clock.monotonic() + self._patience
        while True:
            now = self._read(CLAIMS, self._home, name)
            if text(now or {}, "status", "phase") == "Bound":
                return
            if now is None or clock.monotonic() >= deadline:
                raise ClusterError(
                    _what(claim, self._home),
                    why="the claim that stands in for it was removed by somebody"
                    if now is None
                    else f"the claim that stands in for it was not bound within {self._patience:g} s",
                    next=f"See `kubectl -n {self._home} get events`, and whether kube-controller-manager runs.",
                )
            self._cluster.connection.sleep(_POLL)

    def _read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        body = self._cluster.get(resource, namespace, name)
        return None if body is None else msgspec.json.decode(body)


def _what(claim: Object, home: str) -> str:
    return f"the volume of {namespace_of(claim)}/{name_of(claim)} cannot be brought into the namespace {home}"


@contextlib.contextmanager
def _explained(claim: Object, home: str) -> Iterator[None]:
    try:
        yield
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        namespace = namespace_of(claim)
        is_quota = "quota" in error.why
        raise ClusterError(
            _what(claim, home),
            why=error.why,
            next=f"Let the quota of {home} have room for a claim for each mover, or choose another --mover-namespace."
            if is_quota
            else f"Ask for the rights to create and delete PersistentVolumes, and claims in {home}. Or let movers run beside the"
            f" claim, with --mover-namespace {namespace}: whoever may read Secrets there can then open the repository.",
        ) from error


def _delete(cluster: Cluster, resource: Resource, namespace: str, name: str, uid: str) -> None:
    """What was made here, else what has its name, which no other run has: then it may be that there is nothing."""
    try:
        cluster.delete(resource, namespace, name, uid=uid)
    except ApiRefused as error:
        if uid and error.reason not in ("NotFound", "Conflict"):  # Conflict: another one by now
            raise
