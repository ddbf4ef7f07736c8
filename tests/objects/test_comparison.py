from __future__ import annotations

import pytest

from holdfast.objects.comparison import differences, same
from holdfast.objects.fields import copied
from holdfast.objects.transforms import TRANSFORMS, Context, apply

CONTEXT = Context()
BACKUP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop", "uid": "old", "resourceVersion": "1"},
    "data": {"color": "blue", "tls.key": "x"},
}


def live_and_desired(**changes):
    desired = apply(TRANSFORMS, "configmaps", BACKUP, CONTEXT).object
    live = {**copied(desired), **changes}
    live["metadata"] = {**live["metadata"], "uid": "new", "resourceVersion": "7", "managedFields": [{"manager": "x"}]}
    return live, desired


def found(live, desired, **options):
    return differences(live, desired, TRANSFORMS, "configmaps", CONTEXT, **options)


def owner(**fields):
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "1"} | fields


def owned_by(*owners):
    return {"metadata": {"name": "x", "ownerReferences": list(owners)}}


def test_restored_object_is_the_same():
    live, desired = live_and_desired()

    assert same(live, desired, TRANSFORMS, "configmaps", CONTEXT)
    assert found(live, desired) == []


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        ({"color": "blue", "tls.key": "x", "size": "1"}, ["data.size"]),
        ({"color": "blue"}, ['data["tls.key"]']),
        ({"color": "red", "tls.key": "y"}, ["data.color", 'data["tls.key"]']),
        ({"color": "", "tls.key": "x"}, ["data.color"]),
        ({}, ["data.color", 'data["tls.key"]']),
    ],
)
def test_any_change_of_data_is_a_difference(data, paths):
    live, desired = live_and_desired(data=data)

    assert found(live, desired) == paths
    assert not same(live, desired, TRANSFORMS, "configmaps", CONTEXT)


def test_field_that_only_one_side_has_is_a_difference():
    live, desired = live_and_desired(immutable=True)

    assert found(live, desired) == ["immutable"]
    del live["immutable"], live["data"]
    assert found(live, desired) == ["data"]


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ([1, 2], [1, 3], ["spec[1]"]),
        ([1], [1, 2], ["spec"]),
        ([{"a": [{"b": 1}]}], [{"a": [{"b": 2}]}], ["spec[0].a[0].b"]),
        (1, True, ["spec"]),
        (0, False, ["spec"]),
        (1, "1", ["spec"]),
        (1, 1.0, []),
        (None, {}, ["spec"]),
        ({}, [], ["spec"]),
        ({"a": None}, {}, ["spec.a"]),
        ({"creationTimestamp": None}, {}, []),
        ({"creationTimestamp": "now"}, {}, ["spec.creationTimestamp"]),
    ],
)
def test_values_differ_as_json(before, after, paths):
    def thing(spec):
        return {"metadata": {"name": "x"}, "spec": spec}

    assert differences(thing(before), thing(after), (), "widgets.example.com", CONTEXT) == paths


def test_list_of_differences_is_short():
    live, desired = live_and_desired(data={f"key{number}": "" for number in range(50)})

    assert len(found(live, desired)) == 10
    assert len(found(live, desired, limit=3)) == 3


def test_values_are_never_named():
    live, desired = live_and_desired(data={"color": "secret"})

    assert "secret" not in " ".join(found(live, desired))


def test_uid_of_an_owner_makes_no_difference():
    assert found(owned_by(owner(uid="2", blockOwnerDeletion=True)), owned_by(owner())) == []


def test_order_of_owners_makes_no_difference():
    assert found(owned_by(owner(), owner(name="b")), owned_by(owner(name="b"), owner())) == []


@pytest.mark.parametrize(
    "change", [{"apiVersion": "v2"}, {"kind": "Secret"}, {"name": "other"}, {"controller": True}], ids=str
)
def test_another_owner_is_a_difference(change):
    assert found(owned_by(owner(**change)), owned_by(owner())) != []


def test_owner_that_is_missing_is_a_difference():
    assert found({"metadata": {"name": "x"}}, owned_by(owner())) == ["metadata.ownerReferences"]


def test_order_of_finalizers_makes_no_difference():
    live = {"metadata": {"name": "x", "finalizers": ["a/a", "b/b"]}}
    desired = {"metadata": {"name": "x", "finalizers": ["b/b", "a/a"]}}

    assert found(live, desired) == []


def test_what_the_server_allocated_is_no_difference():
    live = {
        "metadata": {"name": "x"},
        "spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "type": "ClusterIP"},
    }
    desired = {"metadata": {"name": "x"}, "spec": {"type": "ClusterIP"}}

    assert differences(live, desired, TRANSFORMS, "services", CONTEXT) == []
