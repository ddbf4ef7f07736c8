"""Velero's resource modifiers: what its documentation shows, and what its code does with the rest."""

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.patching.subjects import failure, is_for, patched, subject

from holdfast.errors import UsageError
from holdfast.objects.patching.modifiers import parse_modifiers


def parse(text):
    return parse_modifiers(text, "m.yaml")


def rules(*entries):
    return parse(json.dumps({"version": "v1", "resourceModifierRules": list(entries)}))


def rule(*steps, **conditions):
    return {"conditions": {"groupResource": "deployments.apps"} | conditions, "patches": list(steps)}


def replace(path, value):
    return {"operation": "replace", "path": path, "value": value}


STORAGE_CLASS = """
version: v1
resourceModifierRules:
- conditions:
    groupResource: persistentvolumeclaims
    resourceNameRegex: "^mysql.*$"
    namespaces:
    - bar
    - foo
    labelSelector:
      matchLabels:
        foo: bar
  patches:
  - operation: replace
    path: "/spec/storageClassName"
    value: "premium"
  - operation: remove
    path: "/metadata/labels/test"
"""


def volume_claim(name="mysql-0", namespace="foo", **labels):
    spec = {"storageClassName": "standard"}
    return subject("PersistentVolumeClaim", name, namespace, {"foo": "bar", "test": "x"} | labels, spec=spec)


def test_storage_class_and_label_of_some_claims():
    after = patched(parse(STORAGE_CLASS), volume_claim())

    assert after["spec"] == {"storageClassName": "premium"}
    assert after["metadata"]["labels"] == {"foo": "bar"}


@pytest.mark.parametrize(
    "other",
    [volume_claim("pg-0"), volume_claim(namespace="baz"), volume_claim(foo="no"), subject("Pod", "mysql-0", "foo")],
)
def test_all_conditions_must_hold(other):
    assert is_for(parse(STORAGE_CLASS), other) == []


def test_config_map_is_read_as_it_is():
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x"},
        "data": {"rules.yaml": STORAGE_CLASS},
    }

    assert patched(parse(yaml.safe_dump(config_map)), volume_claim())["spec"] == {"storageClassName": "premium"}


def test_namespaces_are_the_backups_and_do_not_matter_to_cluster_scoped_objects():
    patches = rules(rule(replace("/spec/replicas", 1), namespaces=["sh*"], groupResource="*"))  # fmt: skip
    volume = subject("PersistentVolume", "pv", spec={"replicas": 0})

    assert is_for(rules(rule(replace("/a", 1), namespaces=["shop"])), subject(now="copy")) == ["1"]
    assert is_for(patches, volume) == ["1"]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("deployments.apps", True), ("*.apps", True), ("d*.a*", True), ("*", False), ("**", True), ("deployments", False)],
)
def test_group_resource_is_a_glob_in_which_a_star_stops_at_dots(pattern, fits):
    assert bool(is_for(rules(rule(replace("/a", 1), groupResource=pattern)), subject())) == fits


def test_name_is_searched_for():
    assert is_for(rules(rule(replace("/a", 1), resourceNameRegex="e")), subject(name="web")) == ["1"]


def test_test_that_fails_leaves_the_object_alone():
    test = {"operation": "test", "path": "/spec/storageClassName", "value": "premium"}
    change = replace("/spec/storageClassName", "standard")
    patches = rules(rule(change, test, groupResource="persistentvolumeclaims"))

    assert patched(patches, volume_claim()) == volume_claim().object


def test_complex_values_are_json_in_a_text():
    container = '{"name": "nginx", "image": "nginx:1.14.2", "ports": [{"containerPort": 80}]}'
    steps = (
        {"operation": "add", "path": "/spec/template/spec/containers/0", "value": container},
        {"operation": "copy", "from": "/spec/template/spec/containers/0", "path": "/spec/template/spec/containers/1"},
    )

    after = patched(rules(rule(*steps)), subject(spec={"template": {"spec": {"containers": []}}}))

    assert after["spec"]["template"]["spec"]["containers"] == [json.loads(container)] * 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("premium", "premium"),
        ("", ""),
        (None, ""),
        ("3", 3),
        (3, 3),
        ("1.5", 1.5),
        (1.5, 1.5),
        ('"3"', "3"),
        ("true", True),
        (True, True),
        ('"true"', "true"),
        ("null", None),
        ("[1, 2]", [1, 2]),
        (r"a\nb", "a\nb"),
        ("1.2.3", "1.2.3"),
        ("10Gi", "10Gi"),
    ],
)
def test_value_is_a_text_that_stands_for_json(written, meant):
    after = patched(rules(rule(replace("/spec/x", written))), subject(spec={"x": "before"}))

    assert after["spec"] == {"x": meant}


@pytest.mark.parametrize(
    ("matches", "fits"),
    [
        ([{"path": "/spec/replicas", "value": "1"}], True),
        ([{"path": "/spec/replicas", "value": "2"}], False),
        ([{"path": "/spec/replicas", "value": "1"}, {"path": "/spec/paused", "value": "false"}], True),
        ([{"path": "/spec/nothing/here", "value": "1"}], False),
    ],
)
def test_matches_look_at_values(matches, fits):
    one = subject(spec={"replicas": 1, "paused": False})

    assert bool(is_for(rules(rule(replace("/spec/x", 1), matches=matches)), one)) == fits


def test_all_rules_look_at_the_object_before_any_of_them():
    first = rule(replace("/spec/replicas", 2), matches=[{"path": "/spec/replicas", "value": "1"}])
    second = rule(replace("/spec/replicas", 3), matches=[{"path": "/spec/replicas", "value": "1"}])

    assert patched(rules(first, second), subject(spec={"replicas": 1}))["spec"] == {"replicas": 3}


def test_merge_and_strategic_patches_hold_yaml_or_json():
    conditions = {"groupResource": "pods"}
    merge = {"conditions": conditions, "mergePatches": [{"patchData": "metadata:\n  labels:\n    a: null\n    b: c"}]}
    strategic = {
        "conditions": conditions,
        "strategicPatches": [
            {"patchData": '{"spec": {"containers": [{"name": "nginx", "image": "repo2/nginx"}]}}'},
            {"patchData": '{"spec": {"nodeName": null}}'},
        ],
    }
    containers = [{"name": "side", "image": "s"}, {"name": "nginx", "image": "repo1/nginx"}]
    one = subject("Pod", labels={"a": "1"}, spec={"nodeName": "x", "containers": containers})

    after = patched(rules(merge, strategic), one)

    assert after["metadata"]["labels"] == {"b": "c"}
    assert after["spec"] == {"containers": [{"name": "side", "image": "s"}, {"name": "nginx", "image": "repo2/nginx"}]}


def test_object_that_a_rule_cannot_be_applied_to_is_named():
    assert "m.yaml, rule 1 cannot be applied: replace /spec/x: there is no 'x'" in failure(
        rules(rule(replace("/spec/x", 1))), subject(spec={})
    )


@pytest.mark.parametrize(
    ("labels", "fits"),
    [
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"a": "2"}}, False),
        ({}, True),
    ],
)
def test_label_selector(labels, fits):
    assert bool(is_for(rules(rule(replace("/a", 1), labelSelector=labels)), subject(labels={"a": "1"}))) == fits


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"version": "v2", "resourceModifierRules": [rule(replace("/a", "1"))]}, "version is 'v2'"),
        ({"version": "v1"}, "resourceModifierRules is empty"),
        ({"version": "v1", "rules": []}, "there is no field 'rules'"),
        ([], "it is not a map"),
        ({"kind": "ConfigMap", "data": {"a": "1", "b": "2"}}, "not exactly one text"),
        ({"kind": "ConfigMap"}, "not exactly one text"),
    ],
)
def test_file_that_velero_would_refuse(content, why):
    with pytest.raises(UsageError) as error:
        parse(json.dumps(content))
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"conditions": {"groupResource": "pods"}}, "must have one of patches, mergePatches, strategicPatches"),
        (rule(replace("/a", "1")) | {"mergePatches": [{"patchData": "{}"}]}, "must have one of"),
        ({"patches": [replace("/a", "1")]}, "conditions is not valid: it is not a map"),
        (rule(replace("/a", "1"), groupResource=""), "groupResource is missing"),
        (rule(replace("/a", "1"), resourceNameRegex="("), "the pattern '(' is not possible"),
        (rule(replace("/a", "1"), names=["x"]), "there is no field 'names'"),
        (rule(replace("/a", "1"), namespaces=[1]), "namespaces is not a list of texts"),
        (rule({"operation": "burn", "path": "/a"}), "operation 'burn' is none of"),
        (rule({"operation": "", "path": "/a"}), "operation '' is none of"),
        (rule({"operation": "remove"}), "the path '' does not begin with /"),
        (rule({"operation": "move", "path": "/a"}), "the path '' does not begin with /"),
        (rule(replace("/a", {"a": 1})), "put it in quotes"),
        (rule(replace("/a", "{a")), "is not JSON"),
        (rule(replace("/a", 'a"b')), "is not JSON"),
        (rule(replace("/a", "1"), matches=[{"value": "1"}]), "path is missing"),
        (
            rule(replace("/a", "1"), labelSelector={"matchExpressions": [{"key": "a", "operator": "Is"}]}),
            "an expression needs",
        ),
        (
            {"conditions": {"groupResource": "pods"}, "mergePatches": [{"patchData": "[]"}]},
            "not a text that holds one map",
        ),
        ({"conditions": {"groupResource": "pods"}, "mergePatches": [{"patchData": {}}]}, "patchData is not a text"),
    ],
)
def test_rule_that_velero_would_refuse_or_fail_at_is_named(entry, why):
    with pytest.raises(UsageError) as error:
        rules(entry)
    assert why in str(error.value)
    assert "m.yaml, rule 1" in str(error.value)


NAMES = st.sampled_from(
    ["version", "resourceModifierRules", "conditions", "groupResource", "patches", "operation", "path", "value", "matches",
     "mergePatches", "patchData", "labelSelector", "matchLabels", "namespaces", "kind", "data"]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["v1", "pods", "/a", "add", "{", "ConfigMap"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


@given(VALUES)
def test_any_values_are_modifiers_or_a_usage_error(value):
    for content in (value, {"version": "v1", "resourceModifierRules": [value]}):
        with contextlib.suppress(UsageError):
            parse(json.dumps(content))


@given(st.binary(max_size=200))
def test_any_bytes_are_modifiers_or_a_usage_error(data):
    with contextlib.suppress(UsageError):
        parse(data)
