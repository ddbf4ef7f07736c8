"""A volume that is filled in the movers' namespace and handed over to a claim of another one.

Nobody who works in the application's namespace comes near the mover, nor does anything mount the claim before its data is
complete: the claim does not exist until then.

Order of events, each of which can be done again:

1. a claim in the movers' namespace, of the class, size and modes that are wanted; it goes with the run's Lease
2. a mover fills it; a claim that is bound late is bound where the workload's pods may run
3. its volume gets the policy Retain, and a label and a note that say what it is for
4. the claim of step 1 goes; Kubernetes leaves the volume alone
5. the volume is reserved for the application's claim, which does not exist yet
6. the application's claim is made, naming the volume, and bound
7. the volume gets its own policy, and loses label and note

Killed before 3, the claim goes with the Lease, and the volume with it, as its policy says. Killed between 3 and 6, `sweep` finds
a volume with a label and no claim, and has it deleted by its provisioner; one that somebody made by hand is only set free.
Killed after 6, the claim is good, and `sweep` does what is left of 7.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import msgspec

from holdfast.api.names import RUN_LABEL
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.restore import ObjectResult, Result
from holdfast.objects.fields import Object, at, copied, items, name_of, put, text
from holdfast.operations.movers.kinds import CLAIMS, VOLUMES
from holdfast.operations.restore.plan import PlannedVolume, result_of
from holdfast.operations.restore.volumes.claims import await_true, change, read, remove
from holdfast.operations.restore.volumes.marks import HANDOVER, HANDOVER_NOTE
from holdfast.operations.restore.volumes.way import Make, RunOfMovers

_RELEASE_SECONDS = 120.0
_BIND_SECONDS = 120.0
_COPIED = ("accessModes", "resources", "storageClassName", "volumeMode", "selector", "volumeAttributesClassName")
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_RETAIN, _DELETE = "Retain", "Delete"


class Note(msgspec.Struct, frozen=True, rename="camel"):
    """What a volume says about itself while it is handed over."""

    namespace: str  # of the application's claim
    name: str
    policy: str  # that the volume gets in the end
    movers: str  # their namespace, where the run has its Lease


class Handover:
    """Of one volume. `begin`, let a mover write, then `succeed` or `give_up`."""

    def __init__(self, cluster: Cluster, movers: RunOfMovers, volume: PlannedVolume, number: int, make: Make) -> None:
        self._cluster = cluster
        self._movers = movers
        self._volume = volume
        self._make = make
        self._filled = f"holdfast-{movers.run_id}-data-{number}"

    overwrites = False  # what a mover finds in the volume

    def begin(self) -> str:
        """Step 1; the name of the claim to mount. Raises ApiRefused, ClusterUnreachable."""
        spec = at(self._volume.desired, "spec")
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": self._filled,
                "labels": dict(self._movers.labels),
                "ownerReferences": [dict(self._movers.owner)],
            },
            "spec": {field: copied(spec[field]) for field in _COPIED if field in spec},
        }
        self._cluster.create(CLAIMS, self._movers.settings.namespace, msgspec.json.encode(claim))
        return self._filled

    def succeed(self) -> ObjectResult:
        """Steps 3 to 7; what became of the application's claim. Raises ClusterError."""
        volume = self._note_and_retain()
        name = name_of(volume)
        self._let_filled_claim_go()
        self._reserve(name)
        result = self._make(self._volume.item, lambda desired: _naming(desired, volume))
        key = self._volume.item.key
        made = read(self._cluster, CLAIMS, key.namespace, key.name)
        if made is None or text(made, "spec", "volumeName") != name:
            _clear_up(self._cluster, self._read_volume(name))
            if made is None:
                return result
            why = "a claim of this name appeared while the data was restored, and was left alone"
            return result_of(self._volume.item, Result.FAILED, why, "Make a new plan.")
        await_true(
            self._cluster,
            _BIND_SECONDS,
            f"the claim {key.namespace}/{key.name} is not bound to its volume {name}",
            lambda: _is_bound(read(self._cluster, CLAIMS, key.namespace, key.name)),
            f"Look at it with `kubectl -n {key.namespace} describe pvc {key.name}`; the data is in the volume.",
        )
        _finish(self._cluster, self._read_volume(name))
        return result

    def give_up(self, why: str, next_step: str) -> ObjectResult:
        """The claim is not made. The filled one goes with the run, and takes its volume along."""
        claim = read(self._cluster, CLAIMS, self._movers.settings.namespace, self._filled)
        volume = self._read_volume(text(claim or {}, "spec", "volumeName"))
        if volume and _is_provisioned(volume) and _policy(volume) == _RETAIN:
            change(self._cluster, VOLUMES, "", name_of(volume), {"spec": {"persistentVolumeReclaimPolicy": _DELETE}})
        return result_of(self._volume.item, Result.FAILED, f"it was not made, because {why}", next_step)

    def _note_and_retain(self) -> Object:
        """Step 3."""
        namespace = self._movers.settings.namespace
        name = text(read(self._cluster, CLAIMS, namespace, self._filled) or {}, "spec", "volumeName")
        volume = self._read_volume(name)
        key = self._volume.item.key
        policy = _RETAIN if self._volume.keeps_data else _policy(volume)
        note = Note(key.namespace, key.name, policy, namespace)
        patch = {
            "metadata": {
                "labels": {HANDOVER: self._movers.run_id},
                "annotations": {HANDOVER_NOTE: msgspec.json.encode(note).decode()},
            },
            "spec": {"persistentVolumeReclaimPolicy": _RETAIN},
        }
        return change(self._cluster, VOLUMES, "", name, patch)

    def _let_filled_claim_go(self) -> None:
        """Step 4. Kubernetes keeps a claim for as long as there are pods that mount it, those that have ended too."""
        namespace = self._movers.settings.namespace
        claim = read(self._cluster, CLAIMS, namespace, self._filled)
        if claim is None:
            return
        self._remove_its_pods(namespace)
        remove(self._cluster, CLAIMS, namespace, self._filled, text(claim, "metadata", "uid"))
        await_true(
            self._cluster,
            _RELEASE_SECONDS,
            f"the claim {namespace}/{self._filled} does not go",
            lambda: read(self._cluster, CLAIMS, namespace, self._filled) is None,
            f"Look at it with `kubectl -n {namespace} describe pvc {self._filled}`.",
        )

    def _remove_its_pods(self, namespace: str) -> None:
        pods, jobs = (self._cluster.api_surface().preferred(group, plural) for group, plural in _POD_KINDS)
        assert pods is not None
        assert jobs is not None
        label = f"{RUN_LABEL}={self._movers.run_id}"
        listed = whole(self._cluster.list(pods, namespace=namespace, label_selector=label)).items
        for pod in map(msgspec.json.decode, listed):
            if any(
                text(volume, "persistentVolumeClaim", "claimName") == self._filled
                for volume in items(pod, "spec", "volumes")
            ):
                for owner in items(pod, "metadata", "ownerReferences"):
                    if owner.get("kind") == "Job":
                        remove(self._cluster, jobs, namespace, text(owner, "name"), text(owner, "uid"))
                remove(self._cluster, pods, namespace, name_of(pod), text(pod, "metadata", "uid"))

    def _reserve(self, name: str) -> None:
        """Step 5."""
        key = self._volume.item.key
        reference = {"namespace": key.namespace, "name": key.name, "uid": None, "resourceVersion": None}
        patch = {"metadata": {"annotations": {_BOUND_BY_CONTROLLER: None}}, "spec": {"claimRef": reference}}
        change(self._cluster, VOLUMES, "", name, patch)

    def _read_volume(self, name: str) -> Object:
        return (read(self._cluster, VOLUMES, "", name) if name else None) or {}


_POD_KINDS = (("", "pods"), ("batch", "jobs"))


def sweep(cluster: Cluster, is_alive: Callable[[str, str], bool]) -> list[str]:
    """Ends the handovers of runs that are dead; names of the claims that turned out good.

    `is_alive` is asked for the movers' namespace and the run. Who may not list PersistentVolumes has none to hand over.
    Raises ApiRefused for all but Forbidden, ClusterUnreachable.
    """
    finished = []
    try:
        listed = whole(cluster.list(VOLUMES, label_selector=HANDOVER)).items
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return []
    for volume in map(msgspec.json.decode, listed):
        note = _note_of(volume)
        if note is None or is_alive(note.movers, at(volume, "metadata", "labels")[HANDOVER]):
            continue
        claim = read(cluster, CLAIMS, note.namespace, note.name)
        if claim is not None and text(claim, "spec", "volumeName") == name_of(volume):
            _finish(cluster, volume)
            finished.append(f"{note.namespace}/{note.name}")
        else:
            _clear_up(cluster, volume)
    return finished


def _finish(cluster: Cluster, volume: Object) -> None:
    """Step 7."""
    note = _note_of(volume)
    if note is not None:
        change(cluster, VOLUMES, "", name_of(volume), _unmarked({"persistentVolumeReclaimPolicy": note.policy}))


def _clear_up(cluster: Cluster, volume: Object) -> None:
    """The volume of a handover that came to nothing. One that was made for it is deleted by its provisioner."""
    if not volume:
        return
    if not _is_provisioned(volume):
        note = _note_of(volume)
        policy = note.policy if note else _policy(volume)
        spec: Object = {"persistentVolumeReclaimPolicy": policy, "claimRef": None}
    else:
        spec = {"persistentVolumeReclaimPolicy": _DELETE}
        if not text(volume, "spec", "claimRef", "uid"):
            # Kubernetes deletes a volume whose claim is gone; one that is reserved has had no claim yet.
            spec["claimRef"] = {"uid": str(uuid.uuid4())}
    change(cluster, VOLUMES, "", name_of(volume), _unmarked(spec))


def _unmarked(spec: Object) -> Object:
    return {"metadata": {"labels": {HANDOVER: None}, "annotations": {HANDOVER_NOTE: None}}, "spec": spec}


def _note_of(volume: Object) -> Note | None:
    """None for a volume whose note was taken away or changed: nothing is done to it."""
    try:
        return msgspec.json.decode(str(at(volume, "metadata", "annotations").get(HANDOVER_NOTE, "")), type=Note)
    except msgspec.MsgspecError:
        return None


def _naming(desired: Object, volume: Object) -> Object:
    """The application's claim, for this volume and no other."""
    claim: Object = copied(desired)
    put(claim, "spec", "volumeName", value=name_of(volume))
    put(claim, "spec", "storageClassName", value=text(volume, "spec", "storageClassName"))
    return claim


def _policy(volume: Object) -> str:
    return text(volume, "spec", "persistentVolumeReclaimPolicy") or _RETAIN


def _is_provisioned(volume: Object) -> bool:
    return _PROVISIONED_BY in at(volume, "metadata", "annotations")


def _is_bound(claim: Object | None) -> bool:
    phase = text(claim or {}, "status", "phase")
    if phase == "Lost":
        raise ClusterError("the claim has lost its volume", why="somebody else changed the volume meanwhile")
    return phase == "Bound"
