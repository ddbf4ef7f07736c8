"""Volumes of an application: by which way their data is saved, and what became of each."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from holdfast.model.run import Problem


class Way(StrEnum):
    """How the data of a volume gets into a backup."""

    LIVE = "live"  # its files are read while the application goes on
    SNAPSHOT = "snapshot"  # from a CSI VolumeSnapshot; this version cannot do it
    NONE = "none"  # left out, and the record says why


class VolumeOutcome(StrEnum):
    DONE = "done"
    PARTIAL = "partial"  # some files are missing; the errors name them
    FAILED = "failed"
    LEFT_OUT = "left-out"  # knowingly: a policy, a flag, or a sort of volume that has nothing to save


CLAIM = "persistentVolumeClaim"  # the kind of most volumes


class VolumeRecord(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """What became of the data of one PersistentVolumeClaim, or of another volume of a pod."""

    namespace: str
    name: str  # the claim's; of another volume `deployment/web/cache`: its workload's, or pod's, and its own
    kind: str = CLAIM  # else the field of the pod's volume: "emptyDir", "hostPath", "nfs", …
    way: Way = Way.NONE
    saved: bool  # the data is in the backup, all of it or with the gaps that `errors` name
    outcome: VolumeOutcome = VolumeOutcome.LEFT_OUT
    why: str = ""  # of a volume that was not saved
    next: str = ""  # what to do about it
    path: str = ""  # in the backup: "/volumes/shop/data"
    files: int = 0
    bytes: int = 0
    added: int = 0  # bytes of content that the repository did not have yet
    stored: int = 0  # what these take there
    started_at: str = ""
    finished_at: str = ""
    node: str = ""  # where it was read
    storage_class: str = ""
    driver: str = ""  # of the PersistentVolume: a CSI driver's name, or "hostPath", "nfs", …
    capacity: str = ""  # "10Gi"
    access_modes: list[str] = []
    errors: list[Problem] = []  # the first of them
    error_count: int = 0

    @property
    def is_claim(self) -> bool:
        return self.kind == CLAIM


VOLUMES = "volumes"  # the directory of all of them in a backup


def volume_path(namespace: str, claim: str) -> str:
    """Where the files of a claim are in a backup."""
    return f"/{VOLUMES}/{namespace}/{claim}"
