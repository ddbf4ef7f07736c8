"""Volumes of pods that are no claims. Their data is not saved, and the backup says of each why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items, name_of, namespace_of, text
from holdfast.objects.storage.claims import VOLUME_SOURCES

_HASH_LABEL = "pod-template-hash"
_FROM_OBJECTS = frozenset({"configMap", "secret", "projected", "downwardAPI", "image"})
"""Made from objects of the cluster or from an image, so nothing of them could be lost."""
_CLAIMS = frozenset({"persistentVolumeClaim", "ephemeral"})
_NETWORK = (
    "the pod names its storage directly, without a claim",
    "To have it saved, describe it in a PersistentVolume, and mount it by a claim.",
)
_REASONS: Mapping[str, tuple[str, str]] = {
    "emptyDir": ("an emptyDir lives and dies with its pod", "Data that must stay belongs into a claim."),
    "hostPath": (
        "a directory of the node is not the application's alone",
        "If it is the application's data: `holdfast backup files` on the node, or a claim of a local volume.",
    ),
    "csi": ("its driver makes an inline volume anew for each pod", "Data that must stay belongs into a claim."),
    "gitRepo": ("it is a copy of a repository, which is made anew for each pod", "Back up the repository."),
}
"""Sort → why it is not saved, and what to do about it."""


class PodVolume(NamedTuple):
    """One volume of the pods of one workload."""

    namespace: str
    workload: str  # "deployment/web"; of a pod that nobody owns "pod/debug"
    name: str  # "cache"
    kind: str  # the field of the pod's volume: "emptyDir", "hostPath", "nfs", …
    volume: Object

    @property
    def record_name(self) -> str:
        """As in a `VolumeRecord`: "deployment/web/cache"."""
        return f"{self.workload}/{self.name}"

    @property
    def why(self) -> str:
        return _REASONS.get(self.kind, _NETWORK)[0]

    @property
    def next(self) -> str:
        return _REASONS.get(self.kind, _NETWORK)[1]


def pod_volumes(pods: Iterable[Object]) -> list[PodVolume]:
    """One for each workload and volume, however many pods it has, in the order of their names.

    Claims are not among them, those of ephemeral volumes neither, nor what is made from objects of the cluster.
    """
    found: dict[tuple[str, str, str], PodVolume] = {}
    for pod in pods:
        workload = workload_of(pod)
        for volume in items(pod, "spec", "volumes"):
            kind = kind_of(volume)
            if kind and kind not in _CLAIMS | _FROM_OBJECTS:
                one = PodVolume(namespace_of(pod), workload, text(volume, "name"), kind, volume)
                found.setdefault((one.namespace, workload, one.name), one)
    return [found[key] for key in sorted(found)]


def kind_of(volume: Object) -> str:
    """The field that says of what sort a pod's volume is. One without any is an emptyDir, as the API server reads it."""
    fields = sorted(field for field in volume if field != "name")
    known = [field for field in fields if field in VOLUME_SOURCES or field in _REASONS]
    return (known or fields or ["emptyDir"])[0]


def workload_of(pod: Object) -> str:
    """What made the pod, as people know it: a ReplicaSet of a Deployment counts as the Deployment."""
    owners = items(pod, "metadata", "ownerReferences")
    owner = next((owner for owner in owners if owner.get("controller") is True), None)
    if owner is None:
        return f"pod/{name_of(pod)}"
    kind, name = text(owner, "kind").lower(), text(owner, "name")
    suffix = f"-{at(pod, 'metadata', 'labels').get(_HASH_LABEL, '')}"
    if kind == "replicaset" and len(suffix) > 1 and name.endswith(suffix):
        return f"deployment/{name.removesuffix(suffix)}"
    return f"{kind}/{name}"
