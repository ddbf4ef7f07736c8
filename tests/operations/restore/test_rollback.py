"""Rollbacks: a selection becomes exactly what it was, what was created since goes, and all of it can be taken back."""

import pytest
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    entry,
    essence,
    eventually,
    obj,
    outcomes,
    owned_by,
    owners,
    service,
    unique,
    workload,
)

from holdfast.errors import PlanRefused
from holdfast.model.restore import Action


@pytest.fixture
def before(lab, vault):
    """A backed up namespace as it was, before somebody did harm to it."""
    for thing in (config_map("same"), config_map("edited"), config_map("gone"), service(), claim()):
        lab.make(thing)
    lab.make(workload("Deployment", "web", replicas=2))
    lab.make(config_map("sealed", immutable=True))
    state = content(lab)
    vault.back_up(lab)
    harm(lab)
    return state


def harm(lab):
    lab.patch(config_map("edited"), {"data": {"color": "red"}}, manager="intruder")
    lab.delete(config_map("gone"))
    lab.patch(workload("Deployment", "web"), {"spec": {"replicas": 5}}, manager="intruder")
    lab.delete(config_map("sealed"))
    lab.make(config_map("sealed", immutable=True, data={"color": "black"}))
    lab.make(config_map("new"))
    lab.make(workload("Deployment", "stranger"))
    lab.make(obj("v1", "Secret", "new", stringData={"key": "value"}))


def content(lab):
    """What users set in a namespace, with the owners of fields, once controllers have noted theirs; without what they make."""
    lab.settled()
    return {
        key: (essence(thing, lab.namespace), owners(thing))
        for key, thing in lab.objects().items()
        if not any(owner.get("controller") for owner in thing["metadata"].get("ownerReferences", ()))
    }


def test_a_rollback_makes_a_namespace_exactly_what_it_was(lab, vault, before):
    report = vault.restore(lab, rollback=True)

    assert (report.outcome, report.errors) == ("done", [])
    assert content(lab) == before
    results = outcomes(report)
    assert results["configmaps", "edited"] == results["deployments", "web"] == "updated"
    assert results["configmaps", "gone"] == "created"
    assert results["configmaps", "sealed"] == "replaced"
    assert results["configmaps", "new"] == results["secrets", "new"] == results["deployments", "stranger"] == "deleted"
    assert results["configmaps", "same"] == "unchanged"


def test_undo_brings_back_the_state_before_and_can_be_undone_itself(lab, vault, before):
    harmed = content(lab)
    vault.restore(lab, rollback=True)

    undone = vault.undo(lab)

    assert (undone.outcome, undone.errors) == ("done", [])
    assert content(lab) == harmed
    again = vault.undo(lab)
    assert (again.outcome, again.errors, again.undoes) == ("done", [], undone.id)
    assert content(lab) == before


@pytest.mark.usefixtures("before")
def test_the_plan_names_every_deletion_and_replacement_beforehand(lab, vault):
    state = lab.settled()

    plan = vault.plan(lab, rollback=True)

    assert plan.rollback
    actions = outcomes(plan)
    assert {key for key, action in actions.items() if action is Action.DELETE} == {
        ("configmaps", "new"),
        ("secrets", "new"),
        ("deployments", "stranger"),
    }
    assert entry(plan, "configmaps", "sealed").action is Action.REPLACE
    assert "immutable" in entry(plan, "configmaps", "sealed").why
    assert entry(plan, "configmaps", "edited").action is Action.UPDATE
    assert lab.versions() == state
    assert vault.safety_points() == []


@pytest.mark.usefixtures("before")
def test_whoever_looks_at_the_plan_can_end_the_run(lab, vault):
    state = lab.settled()

    def refuse(plan):
        assert len(plan.destructive) == 6
        raise PlanRefused("no")

    with pytest.raises(PlanRefused):
        vault.restore(lab, rollback=True, approve=refuse)

    assert lab.versions() == state
    assert vault.safety_points() == []


@pytest.mark.usefixtures("before")
def test_what_holds_data_stays_unless_it_is_asked_for(lab, vault):
    lab.make(claim("new"))

    report = vault.restore(lab, rollback=True)

    kept = entry(report, "persistentvolumeclaims", "new")
    assert kept.result == "skipped"
    assert "--delete-data" in kept.why
    assert lab.find(claim("new"))
    asked = vault.restore(lab, rollback=True, delete_data=True)
    assert entry(asked, "persistentvolumeclaims", "new").result == "deleted"


@pytest.mark.usefixtures("before")
def test_what_a_controller_makes_is_left_to_it(lab, vault):
    owner = lab.read(config_map("same"))
    lab.make(config_map("owned", metadata=owned_by(owner, controller=True)))

    report = vault.restore(lab, rollback=True)

    assert ("configmaps", "owned") not in outcomes(report) or (entry(report, "configmaps", "owned").result == "skipped")
    assert lab.find(config_map("owned"))


@pytest.mark.usefixtures("before")
def test_only_what_is_selected_is_rolled_back(lab, vault):
    report = vault.restore(lab, rollback=True, include_kinds=("configmaps",), namespaces_in=(lab.namespace,))

    assert lab.find(obj("v1", "Secret", "new"))
    assert lab.find(workload("Deployment", "stranger"))
    assert not lab.find(config_map("new"))
    assert {kind for kind, _ in outcomes(report)} <= {"configmaps", "namespaces"}


@pytest.mark.usefixtures("before")
def test_a_single_object_is_rolled_back_without_deleting_any(lab, vault):
    report = vault.restore(lab, rollback=True, objects=(f"configmap/{lab.namespace}/edited",))

    assert lab.read(config_map("edited"))["data"] == {"color": "blue"}
    assert lab.find(config_map("new"))
    assert report.counts["deleted"] == 0


def test_a_backup_by_labels_covers_what_has_them(lab, vault):
    lab.make(config_map("old", metadata={"labels": {"app": "web"}}))
    vault.back_up(lab, namespaces=(lab.namespace,), selector="app=web")
    lab.make(config_map("new", metadata={"labels": {"app": "web"}}))
    lab.make(config_map("other", metadata={"labels": {"app": "db"}}))
    lab.make(config_map("plain"))

    vault.restore(lab, rollback=True)

    assert not lab.find(config_map("new"))
    assert lab.find(config_map("other"))
    assert lab.find(config_map("plain"))


@pytest.mark.usefixtures("before")
def test_another_namespace_is_left_alone(lab, vault, make_namespace):
    other = lab.within(make_namespace())
    other.make(config_map("new"))

    vault.restore(lab, rollback=True)

    assert other.find(config_map("new"))


@pytest.mark.usefixtures("before")
def test_a_custom_kind_that_is_new_since_the_backup_is_not_covered(lab, vault):
    crd = definition(unique("gadget").replace("-", ""))
    lab.make(crd)
    lab.cluster.wait_established(crd["metadata"]["name"])
    lab.cluster.refresh_surface()
    thing = obj("example.com/v1", crd["spec"]["names"]["kind"], "one")
    lab.make(thing)

    report = vault.restore(lab, rollback=True)

    assert lab.find(thing)
    assert all("example.com" not in item.kind for item in report.objects)


def test_a_backup_that_could_not_list_a_kind_deletes_nothing_of_it(lab, vault, cluster):
    lab.make(config_map("old"))
    lab.make(obj("v1", "Secret", "old", stringData={"key": "value"}))
    everything_but_secrets = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["create", "update", "patch", "delete"]},
        {"apiGroups": [""], "resources": ["namespaces", "configmaps"], "verbs": ["get", "list"]},
    ]
    few = Lab(cluster, lab.namespace, account=cluster.account(unique("few"), everything_but_secrets))
    kinds = ("configmaps", "secrets")
    run = vault.back_up(few, namespaces=(lab.namespace,), include_kinds=kinds, volumes="none")
    assert run.outcome == "partial"
    lab.make(config_map("new"))

    vault.restore(lab, rollback=True)

    assert lab.find(obj("v1", "Secret", "old"))
    assert not lab.find(config_map("new"))
    few.close()


def test_an_object_that_changes_between_plan_and_run_is_left_alone_and_reported(lab, vault, before):
    def meddle(_):
        lab.patch(config_map("edited"), {"data": {"color": "green"}})
        lab.patch(config_map("new"), {"data": {"color": "green"}})

    report = vault.restore(lab, rollback=True, approve=meddle)

    assert report.outcome == "partial"
    for name in ("edited", "new"):
        assert entry(report, "configmaps", name).result == "failed"
        assert "changed after the plan" in entry(report, "configmaps", name).why
        assert lab.read(config_map(name))["data"] == {"color": "green"}
    assert vault.restore(lab, rollback=True).outcome == "done"
    assert content(lab) == before


def test_replace_keeps_what_the_replaced_object_owns(lab, vault):
    stateful = workload("StatefulSet", "db", serviceName="db", replicas=1, volumeClaimTemplates=[claim("data")])
    lab.make(stateful)
    held = claim("data-db-0")
    pods = f"/api/v1/namespaces/{lab.namespace}/pods/db-0"
    eventually(lambda: lab.find(held), "the claim is there")
    vault.back_up(lab)
    uid = lab.read(held)["metadata"]["uid"]
    pod = lab.send("GET", pods)["metadata"]["uid"]
    lab.orphan(stateful)
    changed = workload("StatefulSet", "db", serviceName="elsewhere", replicas=1, volumeClaimTemplates=[claim("data")])
    lab.make(changed)

    report = vault.restore(lab, rollback=True)

    assert outcomes(report)["statefulsets", "db"] == "replaced"
    assert lab.read(stateful)["spec"]["serviceName"] == "db"
    assert lab.read(held)["metadata"]["uid"] == uid
    assert lab.send("GET", pods)["metadata"]["uid"] == pod


def test_a_stateful_set_that_would_delete_its_claims_is_never_replaced(lab, vault):
    keep = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"}}
    lab.make(workload("StatefulSet", "db", serviceName="db", replicas=0))
    vault.back_up(lab)
    lab.orphan(workload("StatefulSet", "db"))
    lab.make(workload("StatefulSet", "db", serviceName="elsewhere", replicas=0, **keep))

    report = vault.restore(lab, on_conflict="replace")

    failed = entry(report, "statefulsets", "db")
    assert failed.result == "failed"
    assert "deletes its claims" in failed.why
    assert lab.read(workload("StatefulSet", "db"))["spec"]["serviceName"] == "elsewhere"


def test_an_object_that_the_server_would_refuse_is_not_deleted_first(lab, vault):
    """A quota that appeared since: the object cannot come back, so the one that is there stays."""
    lab.make(config_map("sealed", immutable=True))
    vault.back_up(lab)
    lab.delete(config_map("sealed"))
    lab.make(config_map("sealed", immutable=True, data={"color": "black"}))
    lab.make(obj("v1", "ResourceQuota", "none", spec={"hard": {"count/configmaps": "2"}}))
    quota = obj("v1", "ResourceQuota", "none")
    eventually(lambda: lab.read(quota).get("status", {}).get("used"), "the quota counts")

    report = vault.restore(lab, on_conflict="replace")

    failed = entry(report, "configmaps", "sealed")
    assert failed.result == "failed"
    assert "quota" in failed.why
    assert lab.read(config_map("sealed"))["data"] == {"color": "black"}


def test_a_restore_that_only_creates_needs_no_safety_point_and_can_be_undone(lab, vault):
    for thing in (config_map("one"), service(), workload("Deployment", "web")):
        lab.make(thing)
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    assert vault.safety_points() == []

    undone = vault.undo(lab)

    assert (undone.outcome, undone.errors) == ("done", [])
    assert {name for _, name in content(copy)} <= {"default", "kube-root-ca.crt"}
    kept = entry(undone, "namespaces", copy.namespace)
    assert (kept.result, "--delete-data" in kept.why) == ("skipped", True)


def test_undo_deletes_a_namespace_only_if_nothing_else_is_in_it(lab, vault):
    lab.make(config_map("one"))
    vault.back_up(lab)
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)
    restored = vault.restore(lab, namespaces={lab.namespace: copy.namespace})
    copy.make(config_map("mine"))

    kept = vault.undo(lab, restored.id, delete_data=True)

    assert "configmaps/" in entry(kept, "namespaces", copy.namespace).why
    copy.delete(config_map("mine"))
    gone = vault.undo(lab, restored.id, delete_data=True)
    assert entry(gone, "namespaces", copy.namespace).result == "deleted"


def test_undo_leaves_what_somebody_made_anew(lab, vault):
    lab.make(config_map("one"))
    vault.back_up(lab)
    lab.delete(config_map("one"))
    vault.restore(lab)
    lab.delete(config_map("one"))
    lab.make(config_map("one"))

    undone = vault.undo(lab)

    assert entry(undone, "configmaps", "one").result == "skipped"
    assert lab.find(config_map("one"))


def test_undo_of_a_restore_into_another_cluster_is_refused(lab, vault, second_cluster):
    lab.make(config_map("one"))
    vault.back_up(lab)
    vault.restore(lab)
    elsewhere = Lab(second_cluster)

    with pytest.raises(PlanRefused, match="another cluster"):
        vault.undo(elsewhere)
    elsewhere.close()


@pytest.mark.usefixtures("before")
def test_a_safety_point_is_no_backup(lab, vault):
    vault.restore(lab, rollback=True)
    (point,) = vault.safety_points()

    assert vault.open("latest").entry.kind == "app"
    assert vault.open(point.id.hex()[:12]).record.kind == "safety"
