"""Two backups beside each other."""

import pytest
from tests.operations.object_diff.test_live import changes, fields, make_shop
from tests.restore_lab import config_map, definition, eventually, obj, service, unique, workload

from holdfast.errors import NotFound
from holdfast.model.run import Outcome


def take_two(lab, vault):
    make_shop(lab)
    vault.back_up(lab, name="monday")
    lab.patch(workload("Deployment", "web"), {"spec": {"replicas": 5}})
    lab.delete(service())
    lab.make(config_map("new"))
    lab.patch(obj("v1", "Secret", "login"), {"data": {"password": "aHVudGVyMw=="}})
    lab.settled()
    return vault.back_up(lab, name="tuesday")


def test_only_what_differs_is_read(lab, vault, monkeypatch):
    run = take_two(lab, vault)
    read = []
    load_many = type(vault.repository.reader).load_many

    def spy(reader, wanted):
        wanted = list(wanted)
        read.extend(path for _, path in wanted)
        return load_many(reader, wanted)

    monkeypatch.setattr(type(vault.repository.reader), "load_many", spy)
    view = vault.diff("monday", "tuesday")
    assert changes(view) == {
        ("configmaps", "new"): "added",
        ("deployments", "web"): "changed",
        ("secrets", "login"): "changed",
        ("services", "web"): "removed",
    }
    assert fields(view, "deployments", "web") == {"spec.replicas": (2, 5)}
    assert fields(view, "secrets", "login") == {"data.password": (None, None)}
    assert sum(view.counts.values()) - view.counts["removed"] == run.counts["objects"]
    assert not [path for path in read if "/settings.json" in path or "serviceaccounts" in path]


def test_the_way_back_is_the_reverse(lab, vault):
    take_two(lab, vault)
    view = vault.diff("tuesday", "monday", show_secrets=True)
    assert changes(view)["configmaps", "new"] == "removed"
    assert changes(view)["services", "web"] == "added"
    assert fields(view, "secrets", "login") == {"data.password": ("hunter3", "hunter2hunter2")}


def test_selections_work_without_a_cluster(lab, vault):
    take_two(lab, vault)
    for kinds in (("deploy", "svc"), ("deployments.apps", "Service")):
        view = vault.diff("monday", "tuesday", namespaces=(lab.namespace,), include_kinds=kinds)
        assert changes(view) == {("deployments", "web"): "changed", ("services", "web"): "removed"}
    view = vault.diff("monday", "tuesday", objects=(f"svc/{lab.namespace}/web", f"cm/{lab.namespace}/new"))
    assert changes(view) == {("configmaps", "new"): "added", ("services", "web"): "removed"}


def test_backups_of_different_selections_are_compared_where_both_looked(lab, vault):
    make_shop(lab)
    vault.back_up(lab, name="all")
    lab.patch(config_map(), {"data": {"color": "red"}})
    lab.delete(service())
    vault.back_up(lab, name="maps", namespaces=(lab.namespace,), include_kinds=("configmaps",))
    for selection in ({}, {"namespaces": (lab.namespace,)}):
        view = vault.diff("all", "maps", **selection)
        assert changes(view) == {("configmaps", "settings"): "changed"}
        assert changes(vault.diff("maps", "all", **selection)) == {("configmaps", "settings"): "changed"}


def test_an_object_in_another_version_is_the_same_object(lab, vault):
    stem = unique("thing").replace("-", "")
    two = definition(stem)
    (first,) = two["spec"]["versions"]
    two["spec"]["versions"] = [first, {**first, "name": "v2", "storage": False}]
    lab.make(two)
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1}))
    vault.back_up(lab, name="before")
    served = lab.read(two)
    kept = [kind.version for kind in vault.open("before").record.resources if kind.plural == f"{stem}s"]
    versions = [{**version, "served": version["name"] not in kept} for version in served["spec"]["versions"]]
    lab.patch(two, {"spec": {"versions": versions}})
    eventually(
        lambda: lab.cluster.refresh_surface().preferred("example.com", f"{stem}s").version not in kept, "v1 only"
    )
    vault.back_up(lab, name="after")
    (moved,) = [one for one in vault.diff("before", "after").objects if one.kind.startswith(stem)]
    assert (moved.change, [field.path for field in moved.fields]) == ("changed", ["apiVersion"])


def test_mapped_namespaces(lab, vault):
    make_shop(lab)
    vault.back_up(lab, name="original")
    copy = lab.new_namespace("copy")
    copy.make(config_map(data={"color": "red"}))
    vault.back_up(copy, name="copy")
    view = vault.diff(
        "original", "copy", mapping={lab.namespace: copy.namespace}, include_kinds=("cm",), all_namespaces=True
    )
    assert fields(view, "configmaps", "settings") == {"data.color": ("blue", "red")}


def test_equal_backups(lab, vault):
    make_shop(lab)
    vault.back_up(lab, name="one")
    view = vault.diff("one", "one")
    assert (view.objects, view.outcome) == ([], Outcome.DONE)
    assert view.counts["unchanged"] > 5


def test_a_backup_that_does_not_exist(lab, vault):
    lab.make(config_map())
    vault.back_up(lab, name="one")
    with pytest.raises(NotFound):
        vault.diff("one", "two")
