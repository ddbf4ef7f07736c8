"""What a plan says about each object, and that it changes nothing."""

import pytest
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    entry,
    eventually,
    job,
    obj,
    outcomes,
    pod,
    service,
    unique,
    workload,
)

from holdfast.errors import NotFound, NothingSelected, PlanRefused
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.restore.execution import Execution


def test_each_object_gets_the_word_that_fits_it(lab, vault):
    for name in ("gone", "same", "different"):
        lab.make(config_map(name))
    lab.patch({**obj("v1", "ServiceAccount", "default")}, {"imagePullSecrets": [{"name": "registry"}]})
    lab.finish(lab.make(job("done")))
    vault.back_up(lab)
    lab.delete(config_map("gone"))
    lab.patch(config_map("different"), {"data": {"color": "red"}})
    lab.patch(obj("v1", "ServiceAccount", "default"), {"imagePullSecrets": []})

    plan = vault.plan(lab)

    words = outcomes(plan)
    assert words["namespaces", lab.namespace] == "unchanged"
    assert words["configmaps", "gone"] == "create"
    assert words["configmaps", "same"] == "unchanged"
    assert words["configmaps", "different"] == "exists"
    assert words["serviceaccounts", "default"] == "merge"
    assert words["jobs", "done"] == "left out"
    assert entry(plan, "configmaps", "different").differences == ["data.color"]
    assert "--on-conflict update" in entry(plan, "configmaps", "different").next
    assert "finished" in entry(plan, "jobs", "done").why
    assert plan.counts == {"create": 1, "unchanged": 2, "exists": 1, "merge": 1, "left out": 1}
    assert outcomes(vault.plan(lab, on_conflict="update"))["configmaps", "different"] == "update"


def test_objects_of_a_namespace_that_does_not_exist_yet_are_unchecked(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)

    words = outcomes(vault.plan(lab, namespaces={lab.namespace: unique("other")}))

    assert words.pop(("namespaces", next(name for kind, name in words if kind == "namespaces"))) == "create"
    assert set(words.values()) == {"unchecked"}


def test_plan_changes_nothing(lab, vault):
    for thing in (config_map("gone"), config_map("different"), service(), workload("Deployment", "web"), claim()):
        lab.make(thing)
    lab.settled()
    vault.back_up(lab)
    lab.delete(config_map("gone"))
    lab.patch(config_map("different"), {"data": {"color": "red"}})
    before = lab.settled()

    vault.plan(lab, on_conflict="update")
    vault.plan(lab, namespaces={lab.namespace: (other := unique("other"))})

    assert lab.versions() == before
    assert lab.find(obj("v1", "Namespace", other)) is None


def test_server_is_asked_beforehand_what_it_would_refuse(lab, vault):
    lab.make(pod("greedy"))
    vault.back_up(lab)
    lab.delete(pod("greedy"))
    lab.make(obj("v1", "ResourceQuota", "none", spec={"hard": {"pods": "0"}}))
    eventually(lambda: "hard" in lab.read(obj("v1", "ResourceQuota", "none"))["status"], "the quota is counted")

    plan = vault.plan(lab)

    assert outcomes(plan)["pods", "greedy"] == "blocked"
    assert "exceeded quota" in entry(plan, "pods", "greedy").why


def test_object_that_needs_another_first_is_unchecked(lab, vault):
    lab.make(obj("v1", "ServiceAccount", "robot"))
    lab.make(
        pod("worker", spec={"serviceAccountName": "robot", "containers": [{"name": "a", "image": "none.invalid/a"}]})
    )
    vault.back_up(lab)
    lab.delete(pod("worker"))
    lab.delete(obj("v1", "ServiceAccount", "robot"))

    plan = vault.plan(lab)

    assert outcomes(plan)["pods", "worker"] == "unchecked"
    assert "robot" in entry(plan, "pods", "worker").why
    assert vault.restore(lab).outcome == "done"


def test_plan_is_used_once(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    plan = vault.make_plan(lab)
    Execution(plan, Cancel(), Silent()).run()

    with pytest.raises(PlanRefused, match="only once"):
        Execution(plan, Cancel(), Silent()).run()


def test_object_that_appears_between_plan_and_run_is_left_alone_and_reported(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(config_map())
    plan = vault.make_plan(lab, on_conflict="update")
    appeared = lab.make(config_map(data={"color": "green"}))
    execution = Execution(plan, Cancel(), Silent())

    execution.run()

    (result,) = [one for one in execution.results if one.name == "settings"]
    assert result.result == "skipped"
    assert "appeared after the plan was made" in result.why
    assert result.next == "Make a new plan."
    assert lab.read(config_map()) == appeared


def test_objects_of_a_namespace_that_is_being_deleted_are_blocked(lab, vault, make_namespace):
    lab.make(config_map())
    vault.back_up(lab)
    dying = lab.within(make_namespace())
    dying.make(config_map("held", metadata={"finalizers": ["example.com/hold"]}))
    lab.send("DELETE", f"/api/v1/namespaces/{dying.namespace}")
    eventually(
        lambda: lab.read(obj("v1", "Namespace", dying.namespace))["status"]["phase"] == "Terminating", "terminating"
    )

    plan = vault.plan(lab, namespaces={lab.namespace: dying.namespace})
    report = vault.restore(lab, namespaces={lab.namespace: dying.namespace})
    dying.patch(config_map("held"), {"metadata": {"finalizers": None}})

    assert set(outcomes(plan).values()) == {"blocked"}
    assert "is being deleted" in entry(plan, "configmaps", "settings").why
    assert "--map-namespace" in entry(plan, "configmaps", "settings").next
    assert report.outcome == "partial"
    assert outcomes(report)["configmaps", "settings"] == "failed"


def test_object_that_is_being_deleted_is_blocked(lab, vault):
    lab.make(config_map(metadata={"finalizers": ["example.com/hold"]}))
    vault.back_up(lab)
    lab.send("DELETE", lab.path(config_map()))

    found = entry(vault.plan(lab), "configmaps", "settings")
    lab.patch(config_map(), {"metadata": {"finalizers": None}})

    assert (found.action, found.why) == ("blocked", "it is being deleted")


def test_object_whose_namespace_was_not_selected_and_is_not_there_is_blocked(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)
    other = unique("other")

    plan = vault.plan(lab, namespaces={lab.namespace: other}, exclude_kinds=("namespaces",))
    report = vault.restore(lab, namespaces={lab.namespace: other}, exclude_kinds=("namespaces",))

    found = entry(plan, "configmaps", "settings")
    assert (found.action, found.next) == ("blocked", f"Create it with `kubectl create namespace {other}`.")
    assert report.outcome.exit_code == 3
    assert report.counts["created"] == 0


def test_custom_resource_whose_definition_is_neither_there_nor_selected_is_blocked(lab, vault, second_cluster):
    stem = unique("thing").replace("-", "")
    lab.make(definition(stem))
    thing = obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1})
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(thing)
    lab.make(config_map())
    vault.back_up(lab)
    elsewhere = Lab(second_cluster, lab.namespace)
    kinds = ("customresourcedefinitions",)

    plan = vault.plan(elsewhere, exclude_kinds=kinds)
    report = vault.restore(elsewhere, exclude_kinds=kinds)

    found = entry(plan, f"{stem}s", "one")
    assert found.action == "blocked"
    assert "does not serve" in found.why
    assert "CustomResourceDefinition" in found.next
    assert report.outcome == "partial"
    assert elsewhere.find(config_map())
    elsewhere.send("DELETE", f"/api/v1/namespaces/{lab.namespace}")
    elsewhere.close()


def test_selection_that_the_backup_does_not_have_is_an_error(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)

    with pytest.raises(NothingSelected):
        vault.plan(lab, selector="app=nothing", exclude_kinds=("namespaces",))
    with pytest.raises(NotFound, match="does-not-exist"):
        vault.plan(lab, objects=(f"configmap/{lab.namespace}/does-not-exist",))
