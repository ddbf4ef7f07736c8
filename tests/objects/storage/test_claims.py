"""What can be read off a claim, its volume and the pods that use it."""

import pytest
from hypothesis import given
from tests.objects.storage.any_objects import LENIENT, OBJECTS
from tests.objects.storage.builders import CSI, HOST_PATH, LOCAL, NFS, claim, facts, pod, volume

from holdfast.objects.storage.claims import (
    VOLUME_SOURCES,
    ClaimFacts,
    claims_of,
    is_finished,
    mounting_containers,
    source_of,
    storage_class_of,
    uses,
)


@pytest.mark.parametrize(
    ("source", "sort", "driver"),
    [
        (CSI, "csi", "ebs.csi.aws.com"),
        (NFS, "nfs", "nfs"),
        (HOST_PATH, "hostPath", "hostPath"),
        (LOCAL, "local", "local"),
        ({"rbd": {"image": "i"}}, "rbd", "rbd"),
        ({"somethingNew": {}}, "", ""),
    ],
)
def test_where_the_data_is(source, sort, driver):
    found = facts(volume_=volume(source))
    assert (found.source, found.driver) == (sort, driver)


def test_a_claim_without_a_volume_has_no_source_and_the_capacity_that_it_asks_for():
    found = facts(phase="Pending", storageClassName="slow")
    assert (found.source, found.driver, found.capacity, found.class_name) == ("", "", "10Gi", "slow")


def test_capacity_is_the_volumes_own():
    assert facts(volume_=volume(size="12Gi")).capacity == "12Gi"


def test_capacity_of_a_volume_that_may_not_be_read_is_what_the_claim_has():
    found = facts(volume_={"metadata": {"name": "pv"}, "spec": {}})
    found.claim["status"]["capacity"] = {"storage": "11Gi"}
    assert found.volume_is_unread
    assert found.capacity == "11Gi"
    assert not facts().volume_is_unread


def test_a_class_may_stand_in_the_old_annotation():
    old = {"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}}, "spec": {}}
    assert storage_class_of(old) == "old"
    assert storage_class_of({"metadata": {}, "spec": {"storageClassName": "new"}}) == "new"
    assert storage_class_of({}) == ""


def test_nodes_are_those_of_its_pods():
    found = facts(pod("b", node="node-2"), pod("a", node="node-1"), pod("c", node=""), pod("d", node="node-1"))
    assert found.nodes == ("node-1", "node-2")
    assert found.is_in_use
    assert not facts().is_in_use


@pytest.mark.parametrize(("owner", "ephemeral"), [("Pod", True), ("StatefulSet", False), (None, False)])
def test_a_claim_of_one_pod_is_ephemeral(owner, ephemeral):
    assert facts(owner=owner).is_ephemeral is ephemeral


@pytest.mark.parametrize(
    ("phase", "finished"),
    [("Pending", False), ("Running", False), ("Unknown", False), ("Succeeded", True), ("Failed", True)],
)
def test_finished_pods_hold_no_volume(phase, finished):
    one = pod(phase=phase)
    assert is_finished(one) is finished
    assert uses(one, claim()) is not finished


def test_a_pod_uses_claims_of_its_own_namespace_only():
    assert not uses(pod(namespace="other"), claim())
    assert not uses(pod("db-0", "logs"), claim())


def test_the_claim_of_an_ephemeral_volume_is_called_after_its_pod():
    one = pod(volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}, {"name": "tmp", "emptyDir": {}}])
    assert list(claims_of(one)) == [("scratch", "db-0-scratch")]


def test_containers_that_initialise_a_pod_come_last():
    mount = [{"name": "data-v", "mountPath": "/data"}]
    spec = {
        "initContainers": [{"name": "init", "volumeMounts": mount}],
        "containers": [{"name": "sidecar"}, {"name": "db", "volumeMounts": mount}],
    }
    assert [one["name"] for one in mounting_containers(spec, "data-v")] == ["db", "init"]


@LENIENT
@given(OBJECTS, OBJECTS, OBJECTS)
def test_objects_of_any_shape_are_read(one_claim, one_volume, one_pod):
    found = ClaimFacts(namespace="n", name="c", claim=one_claim, volume=one_volume, pods=[one_pod])
    for name in (
        "labels",
        "phase",
        "class_name",
        "capacity",
        "access_modes",
        "source",
        "driver",
        "nodes",
        "is_ephemeral",
    ):
        getattr(found, name)
    list(claims_of(one_pod))
    assert source_of(one_volume) in ("", *VOLUME_SOURCES)
