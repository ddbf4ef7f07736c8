"""Restoring again finds everything as it should be, and an update of what is equal changes nothing."""

from __future__ import annotations

import pytest
from tests.restore.transforms.scenarios import (
    claim,
    config_map,
    deployment,
    job,
    obj,
    pod,
    service,
    template,
    token_secret,
    volume,
)

from holdfast.objects.comparison import differences
from holdfast.objects.fields import name_of
from holdfast.objects.transforms import TRANSFORMS, apply

pytestmark = pytest.mark.cluster

SELECTOR = {"matchLabels": {"app": "web"}}
OBJECTS = {
    "ConfigMap": config_map(),
    "immutable ConfigMap": config_map(immutable=True),
    "Secret": obj("v1", "Secret", "login", data={"password": "c2VjcmV0"}),
    "token Secret": token_secret("robot-key"),
    "ServiceAccount": obj("v1", "ServiceAccount", "robot", imagePullSecrets=[{"name": "registry"}]),
    "ClusterIP Service": service(),
    "headless Service": service(clusterIP="None"),
    "NodePort Service": service(type="NodePort"),
    "LoadBalancer Service": service(type="LoadBalancer", externalTrafficPolicy="Local"),
    "ExternalName Service": obj("v1", "Service", "far", spec={"type": "ExternalName", "externalName": "example.com"}),
    "PersistentVolumeClaim": claim(),
    "Pod": pod(),
    "Deployment": deployment(),
    "StatefulSet": obj(
        "apps/v1", "StatefulSet", "db", spec={"replicas": 0, "selector": SELECTOR, "template": template()}
    ),
    "DaemonSet": obj("apps/v1", "DaemonSet", "agent", spec={"selector": SELECTOR, "template": template()}),
    "Job": job(),
    "CronJob": obj(
        "batch/v1", "CronJob", "yearly", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()["spec"]}}
    ),
    "HorizontalPodAutoscaler": obj(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "web",
        spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    ),
    "PodDisruptionBudget": obj("policy/v1", "PodDisruptionBudget", "web", spec={"selector": SELECTOR}),
    "Ingress": obj(
        "networking.k8s.io/v1",
        "Ingress",
        "web",
        spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    ),
    "Role": obj(
        "rbac.authorization.k8s.io/v1",
        "Role",
        "reader",
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    ),
    "ResourceQuota": obj("v1", "ResourceQuota", "limit", spec={"hard": {"pods": "10"}}),
    "LimitRange": obj("v1", "LimitRange", "limit", spec={"limits": [{"type": "Pod", "max": {"cpu": "4"}}]}),
}


def desired_of(stage, backup):
    return apply(TRANSFORMS, stage.resource(backup).group_resource, backup, stage.context()).object


def different(stage, live, desired):
    return differences(live, desired, TRANSFORMS, stage.resource(desired).group_resource, stage.context())


@pytest.mark.parametrize("what", OBJECTS)
def test_restored_object_is_the_same_as_its_backup(stage, what):
    backup = stage.make(OBJECTS[what])
    stage.delete(backup)
    stage.restore(backup, TRANSFORMS)

    assert different(stage, stage.read(backup), desired_of(stage, backup)) == []


@pytest.mark.parametrize("what", OBJECTS)
def test_update_of_an_equal_object_changes_nothing(stage, what):
    backup = stage.make(OBJECTS[what])
    stage.delete(backup)
    stage.restore(backup, TRANSFORMS)

    updated = stage.update(backup, TRANSFORMS)

    assert different(stage, updated, desired_of(stage, backup)) == []
    assert updated["metadata"].get("generation", 1) == 1


def test_update_brings_back_what_was_changed(stage):
    backup = stage.make(config_map())
    stage.patch(backup, {"data": {"color": "red", "size": "small"}})

    assert different(stage, stage.read(backup), desired_of(stage, backup)) == ["data.color", "data.size"]
    assert stage.update(backup, TRANSFORMS)["data"] == {"color": "blue"}


def test_update_of_a_bound_claim_keeps_its_volume(stage):
    pv = stage.make(volume(stage.unique("pv")))
    made = stage.make(claim(spec={"volumeName": name_of(pv)}))
    stage.eventually(lambda: stage.read(made)["status"].get("phase") == "Bound", "the claim is bound")
    backup = stage.read(made)

    updated = stage.update({**backup, "metadata": {**backup["metadata"], "labels": {"team": "a"}}}, TRANSFORMS)

    assert updated["spec"] == backup["spec"]
    assert updated["metadata"]["annotations"] == backup["metadata"]["annotations"]
    assert updated["metadata"]["finalizers"] == backup["metadata"]["finalizers"]


def test_update_of_a_service_brings_back_a_port(stage):
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    backup = stage.make(service(type="NodePort", ports=ports))
    stage.delete(backup)
    live = stage.make(service(type="NodePort", ports=ports[:1]))

    updated = stage.update(backup, TRANSFORMS)

    assert [port["port"] for port in updated["spec"]["ports"]] == [80, 81]
    assert updated["spec"]["ports"][0]["nodePort"] == live["spec"]["ports"][0]["nodePort"]
