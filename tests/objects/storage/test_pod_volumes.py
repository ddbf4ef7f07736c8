"""Volumes of pods that are no claims: one line for each workload, with a reason."""

import pytest
from hypothesis import given
from tests.objects.storage.any_objects import LENIENT, OBJECTS
from tests.objects.storage.builders import NFS, pod

from holdfast.objects.storage.pod_volumes import kind_of, pod_volumes, workload_of


def owned(kind, name, **labels):
    return {
        "metadata": {
            "name": "p",
            "labels": labels,
            "ownerReferences": [{"kind": kind, "name": name, "controller": True}],
        }
    }


def with_volumes(*volumes, name="web-1"):
    return pod(name, volumes=list(volumes))


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        ({"emptyDir": {}}, "lives and dies with its pod"),
        ({"emptyDir": {"medium": "Memory"}}, "lives and dies with its pod"),
        ({}, "lives and dies with its pod"),  # as the API server reads it
        ({"hostPath": {"path": "/var/log"}}, "a directory of the node"),
        (NFS, "without a claim"),
        ({"iscsi": {}}, "without a claim"),
        ({"azureFile": {}}, "without a claim"),
        ({"csi": {"driver": "secrets-store.csi.k8s.io"}}, "makes an inline volume anew"),
        ({"gitRepo": {}}, "a copy of a repository"),
        ({"somethingNew": {}}, "without a claim"),
    ],
)
def test_each_has_a_reason_and_a_next_step(volume, why):
    (found,) = pod_volumes([with_volumes({"name": "one"} | volume)])
    assert why in found.why
    assert found.next
    assert found.record_name == "pod/web-1/one"


@pytest.mark.parametrize(
    "kind", ["configMap", "secret", "projected", "downwardAPI", "image", "persistentVolumeClaim", "ephemeral"]
)
def test_what_nothing_can_be_lost_of_and_claims_are_not_reported(kind):
    assert pod_volumes([with_volumes({"name": "one", kind: {}})]) == []


def test_one_for_a_workload_however_many_pods_it_has():
    pods = [
        with_volumes({"name": "cache", "emptyDir": {}}, {"name": "a", "hostPath": {}}, name=f"web-{n}")
        for n in range(3)
    ]
    for one in pods:
        one["metadata"] |= owned("ReplicaSet", "web-5d8f", **{"pod-template-hash": "5d8f"})["metadata"]
        one["metadata"]["namespace"] = "shop"
    found = pod_volumes([*pods, with_volumes({"name": "cache", "emptyDir": {}}, name="debug")])
    assert [one.record_name for one in found] == ["deployment/web/a", "deployment/web/cache", "pod/debug/cache"]


@pytest.mark.parametrize(
    ("owner", "workload"),
    [
        (owned("ReplicaSet", "web-5d8f", **{"pod-template-hash": "5d8f"}), "deployment/web"),
        (owned("ReplicaSet", "alone"), "replicaset/alone"),
        (owned("ReplicaSet", "web-5d8f", **{"pod-template-hash": "other"}), "replicaset/web-5d8f"),
        (owned("StatefulSet", "db"), "statefulset/db"),
        (owned("Job", "load-1"), "job/load-1"),
        ({"metadata": {"name": "p", "ownerReferences": [{"kind": "Node", "name": "n"}]}}, "pod/p"),
        ({"metadata": {"name": "p"}}, "pod/p"),
    ],
)
def test_what_made_a_pod(owner, workload):
    assert workload_of(owner) == workload


@LENIENT
@given(OBJECTS)
def test_pods_of_any_shape_are_read(one):
    for found in pod_volumes([one]):
        assert kind_of(found.volume)
