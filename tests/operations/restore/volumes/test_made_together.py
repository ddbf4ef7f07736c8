"""New claims of a workload's pods are told together, before the first of them is filled."""

from tests.operations.restore.volumes.conftest import pvc, volume_of
from tests.restore_lab import claim, obj, template, workload

from holdfast.model.kubernetes import ObjectKey

MOUNTS = {
    "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("data", "logs")],
    "nodeSelector": {"pool": "db"},
}


def test_claims_of_one_workload_are_told_with_how_its_pods_want_to_be_placed(lab, volumes, home, monkeypatch):
    lab.make(claim("data"))
    lab.make(claim("logs"))
    lab.make(claim("alone"))
    lab.make(workload("Deployment", "web", replicas=0, template=template("web", **MOUNTS)))
    for name in ("data", "logs", "alone"):
        volume_of(lab, name)
    volumes.back_up()
    for thing in (obj("apps/v1", "Deployment", "web"), pvc("data"), pvc("logs")):
        lab.delete(thing)
    told = []

    def hear(cluster, movers, claims, progress):
        assert movers.settings.namespace == home.namespace
        assert cluster
        assert progress
        assert not volumes.seen  # nothing is filled yet
        there = {name for kind, name in home.objects() if kind == "PersistentVolumeClaim"}
        assert {one.mounted for one in claims} == there
        told.extend(claims)

    monkeypatch.setattr("holdfast.operations.restore.volumes.filling.bind_together", hear)
    volumes.restore()

    web = ObjectKey("apps", "deployments", lab.namespace, "web")
    assert [(one.name, one.workload, one.pod_spec["nodeSelector"]) for one in told] == [
        ("data", web, {"pool": "db"}),
        ("logs", web, {"pool": "db"}),
    ]
    assert [task.claim for task in volumes.seen] == ["data", "logs"]


def test_claims_that_are_bound_at_once_need_nobody(lab, volumes, home):
    """No pod is made: this cluster has no node on which one could run."""
    lab.make(claim("data"))
    lab.make(claim("logs"))
    lab.make(workload("Deployment", "web", replicas=0, template=template("web", **MOUNTS)))
    for name in ("data", "logs"):
        volume_of(lab, name)
    volumes.back_up()
    for thing in (obj("apps/v1", "Deployment", "web"), pvc("data"), pvc("logs")):
        lab.delete(thing)
    volumes.restore()
    assert set(volumes.volumes.values()) == {"done"}
    assert not [name for kind, name in home.objects() if kind in ("Job", "Pod")]
