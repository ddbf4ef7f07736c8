"""A volume that is filled where it belongs: in a claim that exists, or one that is made beside the movers or for a volume that it
names.

Order: the claim is made with a mark, or gets it; it is filled; the mark goes. A claim that still has it is half filled, which the
next restore sees, and fills it again; what mounts it is not made meanwhile.
"""

from __future__ import annotations

from typing import Protocol

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ClusterError
from holdfast.model.restore import ObjectResult, Result
from holdfast.objects.fields import Object, copied, put, text
from holdfast.operations.movers.kinds import CLAIMS, VOLUMES
from holdfast.operations.restore.plan import CREATING, PlannedVolume, result_of
from holdfast.operations.restore.volumes.claims import await_true, change, read
from holdfast.operations.restore.volumes.marks import FILLING
from holdfast.operations.restore.volumes.way import Make, RunOfMovers

_BIND_SECONDS = 60.0
_THERE = (Result.CREATED, Result.UPDATED, Result.UNCHANGED)
_RETAIN = "Retain"


class Exposing(Protocol):
    """What is needed of `holdfast.operations.movers.exposing.Exposures`."""

    def expose(self, claim: Object) -> str: ...
    def withdraw(self, name: str) -> None: ...


class InPlace:
    """Of one volume. `begin`, let a mover write, then `succeed` or `give_up`."""

    def __init__(
        self, cluster: Cluster, movers: RunOfMovers, exposures: Exposing, volume: PlannedVolume, make: Make
    ) -> None:
        self._cluster = cluster
        self._movers = movers
        self._exposures = exposures
        self._volume = volume
        self._make = make
        self._is_new = volume.item.action in CREATING
        self._made: ObjectResult | None = None  # what making the claim came to
        self._mounted = ""
        self.overwrites = not self._is_new

    def begin(self) -> str:
        """Raises ClusterError; `give_up` has then nothing to do."""
        key = self._volume.item.key
        if self._is_new:
            self._made = self._make(self._volume.item, self._marked)
            if self._made.result not in _THERE:
                raise ClusterError(f"the claim {key} was not made", why=self._made.why, next=self._made.next)
        else:
            mark = {"metadata": {"annotations": {FILLING: self._movers.run_id}}}
            change(self._cluster, CLAIMS, key.namespace, key.name, mark)
        claim = self._read()
        if key.namespace != self._movers.settings.namespace:
            claim = self._bound()
        self._mounted = self._exposures.expose(claim)
        return self._mounted

    def succeed(self) -> ObjectResult | None:
        """Raises ClusterError."""
        key = self._volume.item.key
        change(self._cluster, CLAIMS, key.namespace, key.name, {"metadata": {"annotations": {FILLING: None}}})
        if self._is_new and self._volume.keeps_data:
            name = text(self._read(), "spec", "volumeName")
            change(self._cluster, VOLUMES, "", name, {"spec": {"persistentVolumeReclaimPolicy": _RETAIN}})
        self._exposures.withdraw(self._mounted)
        return self._made

    def give_up(self, why: str, next_step: str) -> ObjectResult | None:
        """The claim stays, with its mark. Raises ClusterError."""
        if self._mounted:
            self._exposures.withdraw(self._mounted)
        if not self._is_new:
            return None
        if self._made is None or self._made.result not in _THERE:
            return self._made
        return result_of(self._volume.item, Result.FAILED, f"it is there, but {why}", next_step, uid=self._made.uid)

    def _marked(self, desired: Object) -> Object:
        claim: Object = copied(desired)
        put(claim, "metadata", "annotations", FILLING, value=self._movers.run_id)
        return claim

    def _read(self) -> Object:
        key = self._volume.item.key
        found = read(self._cluster, CLAIMS, key.namespace, key.name)
        if found is None:
            raise ClusterError(f"the claim {key} is gone", why="somebody deleted it", next="Run the restore again.")
        return found

    def _bound(self) -> Object:
        key = self._volume.item.key
        await_true(
            self._cluster,
            _BIND_SECONDS,
            f"the claim {key} gets no volume",
            lambda: text(self._read(), "status", "phase") == "Bound",
            f"Look at it with `kubectl -n {key.namespace} describe pvc {key.name}`.",
        )
        return self._read()
