"""A PersistentVolumeClaim with all that decides how its data can be saved: its volume, its class, the pods that use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.objects.fields import Object, at, items, name_of, namespace_of, text, texts
from holdfast.objects.pod_specs import containers

_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_FINISHED = frozenset({"Succeeded", "Failed"})

VOLUME_SOURCES = (
    "csi",
    "nfs",
    "hostPath",
    "local",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)
"""Fields of a PersistentVolume's spec, and of a pod's volume, of which one says where the data is."""


class AccessMode(StrEnum):
    ONE_NODE = "ReadWriteOnce"
    ONE_POD = "ReadWriteOncePod"
    MANY = "ReadWriteMany"
    MANY_READERS = "ReadOnlyMany"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFacts:
    """One claim and what belongs to it, all as one look at the cluster found it."""

    namespace: str
    name: str
    claim: Object
    volume: Object | None = None  # the PersistentVolume that the claim names; None if there is none
    storage_class: Object | None = None
    pods: list[Object] = field(default_factory=list)
    """That mount it and are not finished, see `uses`."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        return at(self.claim, "metadata", "labels")

    @property
    def phase(self) -> str:
        """`Pending`, `Bound` or `Lost`; "" for a claim that no controller has seen yet."""
        return text(self.claim, "status", "phase")

    @property
    def class_name(self) -> str:
        """The volume's, as Velero's policies look at it; else the claim's. "" if there is none."""
        return text(self.volume or {}, "spec", "storageClassName") or storage_class_of(self.claim)

    @property
    def capacity(self) -> str:
        """`10Gi`: of the volume, else what the claim has or asks for; "" if nobody says."""
        return (
            text(self.volume or {}, "spec", "capacity", "storage")
            or text(self.claim, "status", "capacity", "storage")
            or text(self.claim, "spec", "resources", "requests", "storage")
        )

    @property
    def access_modes(self) -> list[str]:
        """What the claim asks for. Its volume may be able to do more."""
        return texts(self.claim, "spec", "accessModes") or texts(self.volume or {}, "spec", "accessModes")

    @property
    def is_block(self) -> bool:
        """Whether pods see a device and no files."""
        return text(self.claim, "spec", "volumeMode") == "Block"

    @property
    def source(self) -> str:
        """The field that says where the data is: `csi`, `nfs`, `hostPath`, …; "" without a volume, or for an unknown sort."""
        return source_of(at(self.volume or {}, "spec"))

    @property
    def driver(self) -> str:
        """A CSI driver's name, else the sort of the source."""
        return text(self.volume or {}, "spec", "csi", "driver") or self.source

    @property
    def volume_is_unread(self) -> bool:
        """Whether there is a volume of which nothing is known but its name: not everybody may read PersistentVolumes."""
        return self.volume is not None and not at(self.volume, "spec")

    @property
    def is_in_use(self) -> bool:
        return bool(self.pods)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes on which pods use it, sorted. A pod that waits for a node has none."""
        return tuple(sorted({node for pod in self.pods if (node := text(pod, "spec", "nodeName"))}))

    @property
    def is_ephemeral(self) -> bool:
        """Whether it was made for one pod (`volumes[].ephemeral`) and goes with it."""
        owners = items(self.claim, "metadata", "ownerReferences")
        return any(owner.get("controller") is True and owner.get("kind") == "Pod" for owner in owners)


def source_of(spec: Object) -> str:
    """Which source the spec of a PersistentVolume, or a volume of a pod, has; "" for none that is known."""
    return next((name for name in VOLUME_SOURCES if isinstance(spec.get(name), dict)), "")


def storage_class_of(claim: Object) -> str:
    """Empty for a claim that waits for a volume without a class, and for one that leaves the class to the cluster."""
    named = text(claim, "spec", "storageClassName")
    return named or str(at(claim, "metadata", "annotations").get(_BETA_CLASS, ""))


def is_finished(pod: Object) -> bool:
    """Whether its containers have ended for good, so that it holds no volume."""
    return text(pod, "status", "phase") in _FINISHED


def claims_of(pod: Object) -> Iterator[tuple[str, str]]:
    """Each volume of a pod that is a claim: its name in the pod, and the claim's name."""
    for volume in items(pod, "spec", "volumes"):
        if claim := text(volume, "persistentVolumeClaim", "claimName"):
            yield text(volume, "name"), claim
        elif isinstance(volume.get("ephemeral"), dict):
            yield text(volume, "name"), f"{name_of(pod)}-{text(volume, 'name')}"  # as Kubernetes names it


def uses(pod: Object, claim: Object) -> bool:
    """Whether a pod keeps a claim's volume mounted, or will when it has a node."""
    same = namespace_of(pod) == namespace_of(claim)
    return same and not is_finished(pod) and any(name == name_of(claim) for _, name in claims_of(pod))


def mounting_containers(spec: Object, volume: str) -> list[Object]:
    """The containers of a pod that mount one of its volumes, those that initialise it last."""
    found = [one for one in containers(spec) if any(text(m, "name") == volume for m in items(one, "volumeMounts"))]
    initial = items(spec, "initContainers")
    return sorted(found, key=lambda one: any(one is other for other in initial))
