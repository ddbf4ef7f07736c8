"""What a plan says about the data of one claim: tables of what is there, and what becomes of it."""

import pytest

from holdfast.model.restore import Action, VolumeAction, Volumes
from holdfast.model.volume import VolumeOutcome, VolumeRecord, Way
from holdfast.operations.restore.volumes.judgement import Subject, judge
from holdfast.operations.restore.volumes.marks import FILLING
from holdfast.operations.restore.volumes.surroundings import Surroundings

GIB = 1 << 30
AROUND = Surroundings(
    classes={
        "fast": {"metadata": {"name": "fast"}, "provisioner": "disk.csi.example.com"},
        "local": {"metadata": {"name": "local"}, "provisioner": "example.com/local-path"},
    },
    drivers=frozenset({"disk.csi.example.com"}),
    nodes=frozenset({"worker-1"}),
)


def claim(storage_class="fast", size="10Gi", phase="", capacity="", volume="", annotations=None):
    spec = {"resources": {"requests": {"storage": size}}}
    spec |= {} if storage_class is None else {"storageClassName": storage_class}
    spec |= {"volumeName": volume} if volume else {}
    status = {"phase": phase, "capacity": {"storage": capacity or size}}
    return {"metadata": {"name": "data", "annotations": annotations or {}}, "spec": spec, "status": status}


def record(**fields):
    known = {"namespace": "shop", "name": "data", "saved": True, "outcome": VolumeOutcome.DONE, "way": Way.LIVE}
    return VolumeRecord(**known | {"bytes": GIB, "capacity": "10Gi", "driver": "disk.csi.example.com"} | fields)


def new(desired=None, original=None, saved="", **fields):
    desired = desired or claim()
    return Subject(original or desired, desired, saved if saved != "" else record(), Action.CREATE, **fields)


def existing(live, action=Action.EXISTS, saved="", **fields):
    return Subject(claim(), claim(), saved if saved != "" else record(), action, live, **fields)


def decide(subject, mode=Volumes.AUTO, around=AROUND, *, chosen=True):
    return judge(subject, mode, around, chosen=chosen)


def volume(**spec):
    return {"metadata": {"name": "pv-1"}, "spec": spec}


def on_node(*names):
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(names)}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


USER = {"metadata": {"name": "mysql-0"}}
BOUND = claim(phase="Bound")
HALF = claim(phase="Bound", annotations={FILLING: "run-1"})

FILLED = {
    "a claim with data": new(),
    "of a class whose provisioner is no CSI driver": new(claim("local")),
    "the default class": (
        new(claim(None)),
        Surroundings(
            classes={"one": {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}}
        ),
    ),
    "whoever may not look at classes": (new(claim("gone")), Surroundings()),
    "a volume by hand on a node that is there": new(
        claim(volume="pv-1"), volume=volume(local={}, nodeAffinity=on_node("worker-1"))
    ),
    "a volume by hand that any node can reach": new(claim("gone", volume="pv-1"), volume=volume(nfs={})),
    "one of the size that it had, however much was in it": new(claim(size="1Mi")),
    "a smaller one that is large enough": new(claim(size="2Gi"), claim(size="10Gi")),
    "no class, to wait for a volume by hand": new(claim("")),
}


@pytest.mark.parametrize("what", FILLED)
def test_new_claim_is_filled(what):
    subject, around = (
        FILLED[what] if isinstance(FILLED[what], tuple) and len(FILLED[what]) == 2 else (FILLED[what], AROUND)
    )
    assert decide(subject, around=around).action is VolumeAction.FILL


BLOCKED = {
    "a class that is missing": (
        new(claim("slow"), claim("gp3")),
        "the storage class slow does not exist in this cluster",
        "--map-storage-class gp3=NEW. There are: fast, local",
    ),
    "no class and no default": (new(claim(None)), "none of this cluster is the default", "There are: fast, local"),
    "a driver that is missing": (
        new(claim("old"), saved=record(driver="old.csi.example.com")),
        "needs the driver old.csi.example.com, which this cluster does not have",
        "--map-storage-class old=NEW",
    ),
    "a node that is missing": (
        new(claim(volume="pv-1"), volume=volume(hostPath={}, nodeAffinity=on_node("gone-1"))),
        "its volume pv-1 is on the node gone-1, which this cluster does not have",
        "--map-node-label kubernetes.io/hostname=gone-1=NEW",
    ),
    "a volume by hand whose driver is missing": (
        new(claim(volume="pv-1"), volume=volume(csi={"driver": "nfs.csi.example.com"})),
        "needs the driver nfs.csi.example.com",
        "Install the driver",
    ),
    "too small": (
        new(claim(size="1Mi"), claim(size="10Gi")),
        "it asks for 1Mi, and its files have 1,073,741,824 bytes",
        "--volume-size shop/data=SIZE",
    ),
    "pods that wait for it": (
        new(users=[USER], users_stop="--scale-down-first statefulset/shop/mysql"),
        "pods use it: mysql-0",
        "Add --scale-down-first statefulset/shop/mysql.",
    ),
}
WITH_OLD_CLASS = Surroundings(
    classes={**AROUND.classes, "old": {"provisioner": "old.csi.example.com"}},
    drivers=AROUND.drivers,
    nodes=AROUND.nodes,
)


@pytest.mark.parametrize("what", BLOCKED)
def test_new_claim_is_blocked_with_what_to_do(what):
    subject, why, step = BLOCKED[what]

    verdict = decide(subject, around=WITH_OLD_CLASS if "driver that" in what else AROUND)

    assert verdict.action is VolumeAction.BLOCKED
    assert why in verdict.why
    assert step in verdict.next


EMPTY = {
    "no record": (new(saved=None), {}, "the backup has no data of it"),
    "a volume that was left out": (
        new(saved=record(saved=False, why="a policy skips it")),
        {},
        "the backup has no data of it: a policy skips it",
    ),
    "--volumes none": (new(), {"mode": Volumes.NONE}, "--volumes none"),
    "another --volume": (new(), {"chosen": False}, "--volume names others"),
}


@pytest.mark.parametrize("what", EMPTY)
def test_new_claim_stays_empty_and_the_plan_says_why(what):
    subject, options, why = EMPTY[what]

    verdict = decide(subject, **options)

    assert verdict.action is VolumeAction.EMPTY
    assert why in verdict.why


def test_files_that_the_backup_lacks_are_said():
    verdict = decide(new(saved=record(outcome=VolumeOutcome.PARTIAL, error_count=3)))

    assert verdict == (VolumeAction.FILL, "3 files of it could not be read when it was backed up", "")


EXISTING = {
    "by default": (existing(BOUND), Volumes.AUTO, VolumeAction.KEEP, "stays as it is"),
    "equal to the backup's": (existing(BOUND, Action.UNCHANGED), Volumes.AUTO, VolumeAction.KEEP, "stays as it is"),
    "overwritten": (existing(BOUND), Volumes.OVERWRITE, VolumeAction.OVERWRITE, "no safety point holds it"),
    "half filled": (existing(HALF), Volumes.AUTO, VolumeAction.OVERWRITE, "an interrupted restore left it half filled"),
    "half filled, and data is left out": (existing(HALF), Volumes.NONE, VolumeAction.KEEP, "half filled"),
    "without data": (existing(BOUND, saved=None), Volumes.OVERWRITE, VolumeAction.KEEP, "no data of it"),
    "pending": (existing(claim(phase="Pending")), Volumes.OVERWRITE, VolumeAction.BLOCKED, "it is Pending"),
    "lost": (existing(claim(phase="Lost")), Volumes.OVERWRITE, VolumeAction.BLOCKED, "it is Lost"),
    "in use": (existing(BOUND, users=[USER]), Volumes.OVERWRITE, VolumeAction.BLOCKED, "pods use it: mysql-0"),
    "in use and kept": (existing(BOUND, users=[USER]), Volumes.AUTO, VolumeAction.KEEP, ""),
    "half filled and in use": (existing(HALF, users=[USER]), Volumes.AUTO, VolumeAction.BLOCKED, "pods use it"),
    "too small": (
        existing(claim(phase="Bound", capacity="1Mi")),
        Volumes.OVERWRITE,
        VolumeAction.BLOCKED,
        "it has 1Mi",
    ),
}


@pytest.mark.parametrize("what", EXISTING)
def test_claim_that_exists(what):
    subject, mode, action, why = EXISTING[what]

    verdict = decide(subject, mode)

    assert verdict.action is action
    assert why in verdict.why
