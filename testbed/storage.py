"""Storage of test clusters: classes of volumes, and a directory that nodes share.

All of them are directories of this machine, made by the host-path provisioner that is part of Kubernetes.
"""

from __future__ import annotations

from testbed.api import Api, JsonObject
from testbed.machine import VOLUMES

STANDARD = "standard"
"""The default class of every cluster."""
FAST = "fast"
"""A second one."""
LATE = "late"
"""Makes a volume not before a pod wants it (`WaitForFirstConsumer`). This and `FAST` are in clusters with nodes."""


def create_class(api: Api, name: str, *, default: bool = False, late: bool = False) -> None:
    """Make a StorageClass."""
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    api.create(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name, "annotations": marks},
            "provisioner": "kubernetes.io/host-path",
            "volumeBindingMode": "WaitForFirstConsumer" if late else "Immediate",
        },
    )


def shared_volume(name: str, namespace: str, size: str = "1Gi") -> list[JsonObject]:
    """A PersistentVolume and its claim in a namespace, both called `name`, which pods on all nodes may write at once.

    It is a directory, empty at first, that all nodes see; the volume is to be deleted beside the claim.
    """
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **common,
                "capacity": {"storage": size},
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": namespace, "name": name},
                "hostPath": {"path": str(VOLUMES / name), "type": "DirectoryOrCreate"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**common, "volumeName": name, "resources": {"requests": {"storage": size}}},
        },
    ]
