"""A backup beside the cluster that it was made of, or another one."""

import pytest
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    eventually,
    job,
    obj,
    pod_spec,
    service,
    unique,
    workload,
)

from holdfast.errors import ApiRefused, NothingSelected, UsageError
from holdfast.model.run import Outcome
from holdfast.model.selection import ClusterObjects

RBAC = "rbac.authorization.k8s.io"


def changes(view):
    """{(plural, name): change} without what controllers make anew: ReplicaSets of a Deployment, volumes of claims."""
    made = ("replicasets.apps", "persistentvolumes")
    return {(one.kind.partition(".")[0], one.name): one.change for one in view.objects if one.kind not in made}


def fields(view, plural, name):
    """{path: (before, after)} of one object."""
    (found,) = [one for one in view.objects if (one.kind.partition(".")[0], one.name) == (plural, name)]
    return {field.path: (field.before, field.after) for field in found.fields}


def make_shop(lab):
    things = (
        config_map(),
        service(type="NodePort"),
        workload("Deployment", "web", replicas=2),
        workload("StatefulSet", "db", serviceName="db"),
        claim(),
        job(),
        obj("v1", "Secret", "login", stringData={"password": "hunter2hunter2"}),
    )
    for thing in things:
        lab.make(thing)
    lab.settled()


def test_an_untouched_namespace_has_no_differences(lab, vault):
    make_shop(lab)
    run = vault.back_up(lab)
    lab.settled()
    view = vault.diff_live(lab)
    assert view.objects == []
    assert view.counts == {"added": 0, "changed": 0, "removed": 0, "unchanged": run.counts["objects"]}
    assert (view.outcome, view.after, view.before) == (Outcome.DONE, "live", run.id)


def test_what_was_edited_is_named_field_by_field(lab, vault):
    make_shop(lab)
    vault.back_up(lab)
    lab.patch(workload("Deployment", "web"), {"spec": {"replicas": 5}})
    container = {"name": "main", "image": "none.invalid/none:2", "env": [{"name": "LOG", "value": "debug"}]}
    lab.patch(workload("StatefulSet", "db"), {"spec": {"template": {"spec": pod_spec(containers=[container])}}})
    lab.patch(service(), {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}})
    lab.patch(config_map(), {"data": {"color": "red"}})
    lab.delete(job())
    lab.make(config_map("new"))
    lab.settled()

    view = vault.diff_live(lab)

    assert changes(view) == {
        ("configmaps", "new"): "added",
        ("configmaps", "settings"): "changed",
        ("deployments", "web"): "changed",
        ("jobs", "once"): "removed",
        ("services", "web"): "changed",
        ("statefulsets", "db"): "changed",
    }
    assert fields(view, "deployments", "web") == {"spec.replicas": (2, 5)}
    assert fields(view, "configmaps", "settings") == {"data.color": ("blue", "red")}
    assert fields(view, "services", "web") == {"spec.ports[80/TCP].targetPort": (80, 8080)}
    assert fields(view, "statefulsets", "db") == {
        "spec.template.spec.containers[main].env": (None, container["env"]),
        "spec.template.spec.containers[main].image": ("none.invalid/none:1", "none.invalid/none:2"),
    }
    assert fields(view, "configmaps", "new") == {}


def test_kubectl_apply_shows_fields_and_not_its_note(lab, vault):
    note = "kubectl.kubernetes.io/last-applied-configuration"
    lab.make(config_map(metadata={"annotations": {note: '{"data":{"color":"blue"}}'}}))
    vault.back_up(lab)
    lab.patch(config_map(), {"metadata": {"annotations": {note: '{"data":{"color":"red"}}'}}, "data": {"color": "red"}})
    assert fields(vault.diff_live(lab), "configmaps", "settings") == {"data.color": ("blue", "red")}


def test_secrets_are_masked_unless_asked_for(lab, vault):
    make_shop(lab)
    vault.back_up(lab)
    lab.patch(obj("v1", "Secret", "login"), {"data": {"password": "aHVudGVyMw=="}})  # hunter3
    assert fields(vault.diff_live(lab), "secrets", "login") == {"data.password": (None, None)}
    shown = vault.diff_live(lab, show_secrets=True)
    assert fields(shown, "secrets", "login") == {"data.password": ("hunter2hunter2", "hunter3")}


def test_a_selection_narrows_both_sides(lab, vault):
    make_shop(lab)
    vault.back_up(lab)
    lab.delete(config_map())
    lab.make(config_map("other"))
    lab.delete(service())
    assert changes(vault.diff_live(lab, namespaces=(lab.namespace,), include_kinds=("cm",))) == {
        ("configmaps", "other"): "added",
        ("configmaps", "settings"): "removed",
    }
    gone = vault.diff_live(lab, objects=(f"svc/{lab.namespace}/web",))
    assert changes(gone) == {("services", "web"): "removed"}
    new = vault.diff_live(lab, objects=(f"cm/{lab.namespace}/other",))
    assert changes(new) == {("configmaps", "other"): "added"}


def test_an_object_that_changed_its_labels_was_changed_and_not_removed(lab, vault):
    lab.make(config_map("one", metadata={"labels": {"app": "a"}}))
    lab.make(config_map("two", metadata={"labels": {"app": "b"}}))
    vault.back_up(lab)
    lab.patch(config_map("one"), {"metadata": {"labels": {"app": "b"}}})
    lab.patch(config_map("two"), {"metadata": {"labels": {"app": "a"}}})
    view = vault.diff_live(lab, namespaces=(lab.namespace,), selector="app=a")
    assert changes(view) == {("configmaps", "one"): "changed", ("configmaps", "two"): "changed"}
    assert fields(view, "configmaps", "two") == {"metadata.labels.app": ("b", "a")}


def test_a_backup_of_some_kinds_says_nothing_of_others(lab, vault):
    make_shop(lab)
    vault.back_up(lab, namespaces=(lab.namespace,), include_kinds=("cm",))
    lab.delete(service())
    lab.make(obj("v1", "Secret", "new"))
    assert vault.diff_live(lab).objects == []
    assert vault.diff_live(lab, namespaces=(lab.namespace,)).objects == []


def test_flags_do_not_widen_what_the_backup_covers(lab, vault):
    make_shop(lab)
    vault.back_up(lab, name="namespace")
    vault.back_up(lab, name="object", objects=(f"cm/{lab.namespace}/settings",))
    lab.make(config_map("new"))
    lab.patch(config_map(), {"data": {"color": "red"}})
    expected = {("configmaps", "new"): "added", ("configmaps", "settings"): "changed"}
    for flags in (
        {"exclude_kinds": ("rs",)},
        {"exclude_selector": "x=y"},
        {"cluster_objects": ClusterObjects.NONE},
        {},
    ):
        assert changes(vault.diff_live(lab, "namespace", all_namespaces=True, **flags)) == expected
    assert changes(vault.diff_live(lab, "object", all_namespaces=True)) == {("configmaps", "settings"): "changed"}


def test_a_namespace_that_is_gone_was_removed_with_all_it_held(lab, vault):
    other = lab.new_namespace()
    other.make(config_map())
    run = vault.back_up(other)
    path = f"/api/v1/namespaces/{other.namespace}"
    lab.cluster.connection.request("DELETE", path)
    eventually(lambda: lab.cluster.connection.request("GET", path, expect={404}).status == 404, "it is gone")
    view = vault.diff_live(lab)
    assert view.counts == {"added": 0, "changed": 0, "removed": run.counts["objects"], "unchanged": 0}
    assert changes(view)["configmaps", "settings"] == "removed"


def test_a_kind_that_is_gone_was_removed(lab, vault):
    stem = unique("thing").replace("-", "")
    lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1}))
    vault.back_up(lab, namespaces=(lab.namespace,), include_kinds=(f"{stem}s",))
    lab.delete(definition(stem))
    assert changes(vault.diff_live(lab))[f"{stem}s", "one"] == "removed"


def test_status_of_custom_resources_counts_where_it_is_data(lab, vault):
    stem = unique("thing").replace("-", "")
    lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    thing = obj("example.com/v1", stem.capitalize(), "one", status={"phase": "old"})
    lab.make(thing)
    vault.back_up(lab)
    lab.patch(thing, {"status": {"phase": "new"}})
    assert fields(vault.diff_live(lab), f"{stem}s", "one") == {"status.phase": ("old", "new")}


def test_namespaces_of_other_names_can_be_compared(lab, vault):
    make_shop(lab)
    binding = obj(
        f"{RBAC}/v1",
        "RoleBinding",
        "robot",
        roleRef={"apiGroup": RBAC, "kind": "Role", "name": "robot"},
        subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": lab.namespace}],
    )
    lab.make(binding)
    vault.back_up(lab)
    name = unique("copy")
    lab.end_later(name)
    vault.restore(lab, namespaces={lab.namespace: name})
    copy = lab.within(name)
    copy.settled()
    copy.patch(config_map(), {"data": {"color": "red"}})
    view = vault.diff_live(lab, mapping={lab.namespace: name})
    found = changes(view)
    assert found.pop(("configmaps", "settings")) == "changed"
    assert fields(view, "configmaps", "settings") == {"data.color": ("blue", "red")}
    assert found == {}


@pytest.mark.parametrize("made_on", ["old", "new"])
def test_defaults_of_another_minor_version_are_no_differences(lab, vault, old_cluster, made_on):
    old = Lab(old_cluster, lab.namespace)
    old.end_later(lab.namespace)
    try:
        old.make(obj("v1", "Namespace", lab.namespace))
        old_cluster.wait_namespace(lab.namespace)
        first, second = (old, lab) if made_on == "old" else (lab, old)
        for one in (old, lab):
            make_shop(one)
        vault.back_up(first)
        view = vault.diff_live(second)
        found = {name: fields(view, *name) for name in changes(view)}
        assert found == {}
    finally:
        old.close()


def test_an_account_with_few_rights_is_told_what_it_cannot_see(lab, vault, cluster):
    make_shop(lab)
    vault.back_up(lab)
    lab.patch(config_map(), {"data": {"color": "red"}})
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]},
    ]
    narrow = Lab(cluster, lab.namespace, account=cluster.account(unique("narrow"), rules))
    try:
        view = vault.diff_live(narrow)
    finally:
        narrow.close()
    assert changes(view) == {("configmaps", "settings"): "changed"}
    assert view.outcome is Outcome.PARTIAL
    assert any(problem.what.startswith("secrets") for problem in view.errors)
    assert view.counts["removed"] == 0


def test_an_account_without_rights_gets_an_error(lab, vault, cluster):
    lab.make(config_map())
    vault.back_up(lab)
    nobody = Lab(cluster, lab.namespace, account=cluster.account(unique("nobody"), []))
    try:
        with pytest.raises(ApiRefused):
            vault.diff_live(nobody)
    finally:
        nobody.close()


def test_a_selection_of_nothing_is_an_error(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    for selection in ({"namespaces": ("nowhere",)}, {"objects": (f"cm/{lab.namespace}/nothing",)}):
        with pytest.raises(NothingSelected):
            vault.diff_live(lab, **selection)
    with pytest.raises(UsageError):
        vault.diff_live(lab, namespaces=(lab.namespace,), include_kinds=("no-such-kind",))


def test_whole_objects_are_shown_if_asked_for(lab, vault):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login", stringData={"password": "hunter2hunter2"}))
    vault.back_up(lab)
    lab.delete(config_map())
    lab.delete(obj("v1", "Secret", "login"))
    lab.make(config_map("new"))
    view = vault.diff_live(lab, show_objects=True)
    assert fields(view, "configmaps", "settings")["data"] == ({"color": "blue"}, None)
    assert fields(view, "configmaps", "new")["data"] == (None, {"color": "blue"})
    assert fields(view, "secrets", "login")["data.password"] == (None, None)
