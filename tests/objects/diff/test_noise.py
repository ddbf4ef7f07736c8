"""What a diff passes over, and what it must not."""

from __future__ import annotations

import pytest

from holdfast.objects.diff.noise import cleaned, object_changes
from holdfast.objects.diff.walk import path_text
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.transforms import Context

NO_STATUS = Context(subresources=lambda _version, _kind: frozenset())


def thing(**fields):
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", **fields.pop("metadata", {})}, **fields}


def paths(before, after, kind="widgets.example.com", context=Context(), after_context=Context()):  # noqa: B008
    return [
        path_text(change.path)
        for change in object_changes(cleaned(before, kind, context), cleaned(after, kind, after_context), kind)
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"uid": "1"},
        {"resourceVersion": "1"},
        {"generation": 2},
        {"creationTimestamp": "2026-01-01T00:00:00Z"},
        {"managedFields": [{"manager": "x"}]},
        {"finalizers": ["kubernetes.io/pvc-protection"]},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
    ],
    ids=str,
)
def test_metadata_of_the_server_is_no_difference(metadata):
    assert paths(thing(), thing(metadata=metadata)) == []


def test_notes_of_controllers_are_no_difference_where_they_write_them():
    note = {"annotations": {"deployment.kubernetes.io/desired-replicas": "3"}}
    assert paths(thing(), thing(metadata=note), "replicasets.apps") == []
    assert paths(thing(), thing(metadata=note)) == ["metadata.annotations"]


def test_status_is_no_difference_unless_it_is_the_users():
    assert paths(thing(), thing(status={"phase": "x"})) == []
    assert paths(thing(), thing(status={"phase": "x"}), context=NO_STATUS, after_context=NO_STATUS) == ["status"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("services", {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}),
        ("persistentvolumeclaims", {"volumeName": "pv-1"}),
        ("pods", {"nodeName": "node-1"}),
    ],
)
def test_what_the_server_allocates_is_no_difference(kind, spec):
    assert paths(thing(spec={"a": 1}), thing(spec={"a": 1, **spec}), kind) == []


def test_node_ports_are_noise_only_where_the_server_chose_them():
    def ports(number, **metadata):
        return thing(metadata=metadata, spec={"ports": [{"port": 80, "nodePort": number}]})

    mine = {"managedFields": [{"fieldsV1": {"f:spec": {"f:ports": {'k:{"port":80}': {"f:nodePort": {}}}}}}]}
    assert paths(ports(30001), ports(30002), "services") == []
    assert paths(ports(30001, **mine), ports(30002, **mine), "services") == ["spec.ports[80/TCP].nodePort"]


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        ("cronjobs.batch", "suspend", (False, True)),
        ("cronjobs.batch", "schedule", ("* * * * *", "@daily")),
        ("deployments.apps", "paused", (False, True)),
        ("deployments.apps", "replicas", (3, 0)),
        ("statefulsets.apps", "replicas", (3, 0)),
        ("horizontalpodautoscalers.autoscaling", "maxReplicas", (3, 5)),
        ("horizontalpodautoscalers.autoscaling", "minReplicas", (3, 5)),
        ("services", "type", ("ClusterIP", "LoadBalancer")),
        ("services", "loadBalancerIP", ("1.1.1.1", "1.1.1.2")),
        ("persistentvolumeclaims", "storageClassName", ("a", "b")),
        ("jobs.batch", "parallelism", (1, 2)),
    ],
)
def test_what_a_user_sets_is_a_difference(kind, field, values):
    old, new = (thing(spec={field: value}) for value in values)
    assert paths(old, new, kind) == [f"spec.{field}"]


def test_labels_annotations_and_finalizers_of_users_are_differences():
    new = thing(metadata={"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["example.com/mine"]})
    assert paths(thing(), new) == ["metadata.annotations", "metadata.finalizers", "metadata.labels"]


def test_uids_of_owners_are_no_difference_and_other_owners_are():
    def owned(name, uid):
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}
        return thing(metadata={"ownerReferences": [owner]})

    assert paths(owned("a", "1"), owned("a", "2")) == []
    assert paths(owned("a", "1"), owned("b", "1")) != []


def test_mapped_namespaces_are_no_difference():
    mapping = Context(mapping=ObjectMapping(NameMap({"shop": "copy"})))
    binding = {"subjects": [{"kind": "ServiceAccount", "name": "a", "namespace": "shop"}]}
    before = thing(metadata={"namespace": "shop"}, **binding)
    after = thing(metadata={"namespace": "copy"}, subjects=[{**binding["subjects"][0], "namespace": "copy"}])
    kind = "rolebindings.rbac.authorization.k8s.io"
    assert paths(before, after, kind, context=mapping) == []
    assert paths(before, after, kind) != []
