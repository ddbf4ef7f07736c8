from __future__ import annotations

import json
from copy import deepcopy

import pytest
from demo.compare import MAY_DIFFER, compare

from holdfast.model.kubernetes import ObjectKey

CONFIG = ObjectKey("", "configmaps", "shop", "settings")


def config(**data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop", "uid": "1", "managedFields": [entry()]},
        "data": data,
    }


def entry(manager="kubectl", fields=None, **more):
    fields = {"f:data": {}} if fields is None else fields
    return {"manager": manager, "operation": "Apply", "time": "2026-11-23T06:00:00Z", "fieldsV1": fields, **more}


def found(before, after, key=CONFIG, **names):
    return [str(difference) for difference in compare({key: before}, {key: after}, **names)]


def set_at(value, path, leaf):
    """Puts a leaf at a path of the table, where `*` is the only item of a list."""
    name, *rest = path
    below = leaf
    if rest:
        below = [set_at({}, rest[1:], leaf)] if rest[0] == "*" else set_at(value.get(name, {}), rest, leaf)
    return {**value, name: below}


def test_equal_objects_have_no_differences():
    assert found(config(a="1"), config(a="1")) == []


def test_changed_field_is_named_with_both_values():
    assert found(config(a="1"), config(a="2")) == ["configmaps/shop/settings: data.a: 1 → 2"]


def test_lost_and_added_fields_are_differences():
    assert found(config(a="1"), config(b="1")) == [
        "configmaps/shop/settings: data.a: 1 → (absent)",
        "configmaps/shop/settings: data.b: (absent) → 1",
    ]


def test_items_of_lists_are_compared_by_place():
    assert found(config(a=[{"x": 1}, {"x": 2}]), config(a=[{"x": 1}, {"x": 3}])) == [
        "configmaps/shop/settings: data.a[1].x: 2 → 3"
    ]


def test_one_is_not_true():
    assert found(config(a=1), config(a=True))


def test_missing_object_is_a_difference():
    assert [str(one) for one in compare({CONFIG: config()}, {})] == [
        "configmaps/shop/settings: the object: there → missing"
    ]


def test_additional_object_is_a_difference():
    assert [str(one) for one in compare({}, {CONFIG: config()})] == [
        "configmaps/shop/settings: the object: not there → there"
    ]


def test_values_of_secrets_are_not_shown():
    key = CONFIG._replace(plural="secrets")
    assert found(config(a="sesame"), config(a="open"), key) == ["secrets/shop/settings: data.a: … → another"]


@pytest.mark.parametrize("row", MAY_DIFFER, ids=lambda row: ".".join(row.path))
def test_row_allows_its_field_to_differ_and_only_in_its_kinds(row):
    before, after = (set_at({"kind": "X", "metadata": {"name": "x"}}, row.path, leaf) for leaf in ("1", "2"))
    group_resource = next(iter(row.kinds), "configmaps")
    plural, _, group = group_resource.partition(".")
    assert found(before, after, ObjectKey(group, plural, "shop", "x")) == []
    if row.kinds:
        assert found(before, after, ObjectKey("example.com", "others", "shop", "x"))


def test_headless_service_must_stay_headless():
    key = CONFIG._replace(plural="services")
    before = {"kind": "Service", "metadata": {"name": "x"}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}
    after = deepcopy(before)
    after["spec"] = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}
    assert len(found(before, after, key)) == 2


def test_status_that_is_data_must_be_equal():
    key = ObjectKey("holdfast-demo.example.com", "discounts", "shop", "winter")
    before, after = ({"kind": "Discount", "metadata": {}, "status": {"used": used}} for used in (312, 0))
    assert found(before, after, key) == [f"{key}: status.used: 312 → 0"]


def test_another_manager_is_a_difference():
    after = config()
    after["metadata"]["managedFields"] = [entry("holdfast")]
    assert found(config(), after) == [
        'configmaps/shop/settings: ownership of fields: kubectl Apply {"f:data": {}} → missing',
        'configmaps/shop/settings: ownership of fields: nobody → holdfast Apply {"f:data": {}}',
    ]


def test_times_of_entries_and_entries_of_the_status_may_differ():
    after = config()
    status = entry("controller", {"f:status": {}}, subresource="status")
    after["metadata"]["managedFields"] = [entry(time="2027-01-01T00:00:00Z"), status]
    assert found(config(), after) == []


def test_owner_references_in_entries_are_known_by_name():
    def owned(uid, name="main"):
        owned = config()
        owned["metadata"]["ownerReferences"] = [{"kind": "Storefront", "name": name, "uid": uid}]
        owned["metadata"]["managedFields"] = [
            entry(fields={"f:ownerReferences": {f"k:{json.dumps({'uid': uid})}": {}}})
        ]
        return owned

    assert found(owned("1234-a"), owned("5678-b")) == []
    stale = owned("5678-b")
    stale["metadata"]["managedFields"] = owned("1234-a")["metadata"]["managedFields"]
    assert len(found(owned("1234-a"), stale)) == 2


def test_namespace_must_have_been_renamed_wherever_it_is_meant():
    before = config(text="shop", namespace="shop", selector={"kubernetes.io/metadata.name": "shop"})
    after = config(text="shop", namespace="copy", selector={"kubernetes.io/metadata.name": "copy"})
    after["metadata"]["namespace"] = "copy"
    renamed = CONFIG._replace(namespace="copy")
    assert compare({CONFIG: before}, {renamed: after}, namespace="shop", renamed="copy") == []
    assert compare({CONFIG: before}, {renamed: before}, namespace="shop", renamed="copy")


def test_comparing_changes_neither_reading():
    before, after = config(a="1"), config(a="2")
    copies = deepcopy((before, after))
    compare({CONFIG: before}, {CONFIG: after}, namespace="shop", renamed="copy")
    assert (before, after) == copies
