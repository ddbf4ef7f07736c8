"""What will become of the data of one claim: pure decisions on the claim, the backup's record and what the target has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.model.restore import Action, VolumeAction, Volumes
from holdfast.model.volume import VolumeOutcome, VolumeRecord
from holdfast.objects.fields import Object, at, items, name_of, text, texts
from holdfast.objects.limits.quantities import parse
from holdfast.operations.restore.plan import CREATING
from holdfast.operations.restore.volumes.marks import is_half_filled
from holdfast.operations.restore.volumes.surroundings import HOSTNAME, Surroundings

_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_NO_DATA = "the backup has no data of it"


class Verdict(NamedTuple):
    """The fields of a VolumePlan that are decided."""

    action: VolumeAction
    why: str = ""
    next: str = ""


class Subject(NamedTuple):
    """One claim of a restore. Names in it are the target's, except in `original` and `record`."""

    original: Object  # as the backup has it
    desired: Object  # as it is to be in the target
    record: VolumeRecord | None  # None: the backup says nothing about its data
    action: Action  # of the claim itself
    live: Object | None = None  # the claim that exists
    volume: Object | None = None  # the PersistentVolume that the desired claim names
    users: Sequence[Object] = ()  # pods of the target that mount a claim of this name, and go on while the restore runs
    users_stop: str = ""  # what stops them: "--scale-down-first statefulset/shop/mysql"; "" if nobody knows


def judge(subject: Subject, mode: Volumes, around: Surroundings, *, chosen: bool) -> Verdict:
    """`chosen`: whether --volume leaves this claim's data in."""
    if subject.action in CREATING:
        return _of_new_claim(subject, mode, around, chosen=chosen)
    return _of_existing_claim(subject, mode, around, chosen=chosen)


def size_of(claim: Object) -> str:
    """What a claim asks for: `10Gi`."""
    return text(claim, "spec", "resources", "requests", "storage")


def class_of(claim: Object) -> str | None:
    """None if the claim leaves it to the cluster, "" if it wants a volume without a class."""
    spec, annotations = at(claim, "spec"), at(claim, "metadata", "annotations")
    named = spec.get("storageClassName", annotations.get(_BETA_CLASS))
    return named if isinstance(named, str) else None


def _of_new_claim(subject: Subject, mode: Volumes, around: Surroundings, *, chosen: bool) -> Verdict:
    if why := _without_data(subject.record, mode, chosen=chosen):
        return Verdict(VolumeAction.EMPTY, why)
    if hindrance := _hindrance(subject, around):
        return Verdict(VolumeAction.BLOCKED, *hindrance)
    return Verdict(VolumeAction.FILL, _gaps(subject.record))


def _of_existing_claim(subject: Subject, mode: Volumes, around: Surroundings, *, chosen: bool) -> Verdict:
    live = subject.live or {}
    half_filled = is_half_filled(live)
    if why := _without_data(subject.record, mode, chosen=chosen):
        if half_filled:
            why = f"{why}; an interrupted restore left it half filled"
        return Verdict(VolumeAction.KEEP, why)
    if mode is not Volumes.OVERWRITE and not half_filled:
        next_step = "--volumes overwrite gives it the backup's data; or restore into another namespace."
        return Verdict(VolumeAction.KEEP, "it exists and stays as it is", next_step)
    if text(live, "status", "phase") != "Bound" and not half_filled:
        phase = text(live, "status", "phase") or "Pending"
        next_step = "Delete the claim and run the restore again: it is then made anew, with its data."
        return Verdict(VolumeAction.BLOCKED, f"it exists and has no volume (it is {phase})", next_step)
    if hindrance := _used(subject) or _driver_of_volume(subject.volume, around) or _too_small_as_it_is(subject, live):
        return Verdict(VolumeAction.BLOCKED, *hindrance)
    if half_filled:
        why = "; ".join(filter(None, ("an interrupted restore left it half filled", _gaps(subject.record))))
        return Verdict(VolumeAction.OVERWRITE, why)
    warning = "what is in it now will be gone, and no safety point holds it"
    return Verdict(VolumeAction.OVERWRITE, "; ".join(filter(None, (warning, _gaps(subject.record)))))


def _without_data(record: VolumeRecord | None, mode: Volumes, *, chosen: bool) -> str:
    """Why nothing can be, or is to be, restored into a claim."""
    if record is None:
        return _NO_DATA
    if not record.saved:
        return f"{_NO_DATA}: {record.why}" if record.why else _NO_DATA
    if mode is Volumes.NONE:
        return "its data is left out (--volumes none)"
    return "" if chosen else "its data is left out, because --volume names others"


def _gaps(record: VolumeRecord | None) -> str:
    if record is None or record.outcome is not VolumeOutcome.PARTIAL:
        return ""
    return f"{record.error_count:,} files of it could not be read when it was backed up"


Hindrance = tuple[str, str]
"""(why, next)"""


def _hindrance(subject: Subject, around: Surroundings) -> Hindrance | None:
    """Why a new claim cannot get its data here."""
    return (
        _used(subject)
        or (_unfit_volume(subject.volume, around) if subject.volume is not None else _unfit_class(subject, around))
        or _too_small(subject)
    )


def _used(subject: Subject) -> Hindrance | None:
    if not subject.users:
        return None
    names = ", ".join(name_of(pod) for pod in subject.users[:3])
    step = f"Add {subject.users_stop}." if subject.users_stop else "Stop these pods for the time of the restore."
    return f"it would be written while pods use it: {names}", step


def _unfit_class(subject: Subject, around: Surroundings) -> Hindrance | None:
    name = class_of(subject.desired)
    if around.classes is None or name == "":
        return None
    known = ", ".join(sorted(around.classes)) or "none"
    if name is None:
        if around.default_class is None:
            why = "it names no storage class, and none of this cluster is the default"
            return why, f"Give it one with --patch, or make one the default. There are: {known}."
        return None
    found = around.classes.get(name)
    old = class_of(subject.original) or name
    mapping = f"Map it to one that is there: --map-storage-class {old}=NEW. There are: {known}."
    if found is None:
        return f"the storage class {name} does not exist in this cluster", mapping
    driver = str(found.get("provisioner", ""))
    was_csi = subject.record is not None and subject.record.driver == driver
    if was_csi and around.drivers is not None and driver not in around.drivers:
        return f"the storage class {name} needs the driver {driver}, which this cluster does not have", mapping
    return None


def _unfit_volume(volume: Object | None, around: Surroundings) -> Hindrance | None:
    """Of a claim that names a PersistentVolume which somebody made by hand."""
    if volume is None:
        return None
    if hindrance := _driver_of_volume(volume, around):
        return hindrance
    wanted = hostnames(volume)
    is_here = at(volume, "spec").keys() & {"local", "hostPath"}
    if is_here and wanted and around.nodes is not None and not around.nodes.intersection(wanted):
        nodes = " or ".join(sorted(wanted))
        why = f"its volume {name_of(volume)} is on the node {nodes}, which this cluster does not have"
        next_step = (
            f"Map the node with --map-node-label {HOSTNAME}={min(wanted)}=NEW; or leave the volume out with "
            "--exclude-kind persistentvolumes, and give the claim a class that makes volumes with --map-storage-class."
        )
        return why, next_step
    return None


def _driver_of_volume(volume: Object | None, around: Surroundings) -> Hindrance | None:
    driver = text(volume or {}, "spec", "csi", "driver")
    if not driver or around.drivers is None or driver in around.drivers:
        return None
    why = f"its volume {name_of(volume or {})} needs the driver {driver}, which this cluster does not have"
    next_step = (
        "Install the driver; or leave the volume out with --exclude-kind persistentvolumes, and give the claim a class "
        "that makes volumes with --map-storage-class."
    )
    return why, next_step


def hostnames(volume: Object) -> frozenset[str]:
    """The nodes that a PersistentVolume demands by their host names; empty if it demands none, or others would do too."""
    terms = items(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms")
    named = [
        {
            value
            for expression in items(term, "matchExpressions")
            if expression.get("key") == HOSTNAME and expression.get("operator") == "In"
            for value in texts(expression, "values")
        }
        for term in terms
    ]
    return frozenset().union(*named) if named and all(named) else frozenset()


def _too_small(subject: Subject) -> Hindrance | None:
    """A claim of the size that held the data once is not doubted: many volumes hold more than they were asked for."""
    record, wanted = subject.record, parse(size_of(subject.desired))
    if record is None or not wanted or wanted >= record.bytes or wanted >= parse(size_of(subject.original)):
        return None
    why = f"it asks for {size_of(subject.desired)}, and its files have {record.bytes:,} bytes"
    return why, f"Give it more: --volume-size {record.namespace}/{record.name}=SIZE."


def _too_small_as_it_is(subject: Subject, live: Object) -> Hindrance | None:
    record, there = subject.record, text(live, "status", "capacity", "storage")
    if record is None or not there or parse(there) >= record.bytes or parse(there) >= parse(record.capacity):
        return None
    why = f"it has {there}, and its files have {record.bytes:,} bytes"
    return why, "Enlarge the claim; or restore into another namespace, with another size by --volume-size."
