from __future__ import annotations

import json

import pytest

from holdfast.errors import ClusterError
from holdfast.objects.metadata import glimpse

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app": "web"},
        "annotations": {"note": "x"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "u-2"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-3", "controller": True},
        ],
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}, {"operation": "Update"}],
    },
    "spec": {"containers": [{"name": "c"}]},
}


def test_a_glimpse_has_the_fields_that_rules_look_at():
    seen = glimpse(json.dumps(POD).encode())
    assert (seen.api_version, seen.kind, seen.name, seen.namespace) == ("v1", "Pod", "web-1", "shop")
    assert seen.metadata.uid == "u-1"
    assert dict(seen.labels) == {"app": "web"}
    assert dict(seen.annotations) == {"note": "x"}
    assert seen.managers == {"kubectl", ""}
    assert not seen.is_being_deleted


def test_the_controller_is_the_owner_that_says_so():
    controller = glimpse(json.dumps(POD).encode()).controller
    assert controller is not None
    assert (controller.api_version, controller.kind, controller.name) == ("apps/v1", "ReplicaSet", "web")


def test_an_owner_that_does_not_control_is_no_controller():
    data = b'{"metadata":{"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]}}'
    assert glimpse(data).controller is None


@pytest.mark.parametrize(
    "absent", [b"", b',"namespace":null,"labels":null,"ownerReferences":null,"managedFields":null']
)
def test_absent_and_null_fields_are_empty(absent):
    seen = glimpse(b'{"metadata":{"name":"a"' + absent + b"}}")
    assert (seen.namespace, dict(seen.labels), seen.controller, seen.managers) == ("", {}, None, frozenset())


@pytest.mark.parametrize("value", [b'"Opaque"', b"7", b'{"a":[1]}', b"null"])
def test_a_custom_resource_may_have_any_value_as_its_type(value):
    assert glimpse(b'{"metadata":{"name":"a"},"type":' + value + b"}").type == json.loads(value)


def test_a_deletion_timestamp_means_being_deleted():
    assert glimpse(b'{"metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}').is_being_deleted


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"metadata":{}}', b'{"metadata":{"name":"a","labels":{"x":1}}}', b"\xff"]
)
def test_bytes_that_are_no_object_are_an_error_of_the_cluster(data):
    with pytest.raises(ClusterError, match="cannot be read"):
        glimpse(data)


def test_errors_do_not_show_values():
    with pytest.raises(ClusterError) as caught:
        glimpse(b'{"metadata":{"name":"a"},"type":"Opaque","data":{"password":"c2VjcmV0"')
    assert "c2VjcmV0" not in f"{caught.value} {caught.value.next}"
