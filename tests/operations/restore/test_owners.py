"""Who owns what comes back: ownerReferences by new UIDs, and fields by their managers."""

import json

import pytest
from tests.restore_lab import (
    Lab,
    claim,
    config_map,
    definition,
    entry,
    eventually,
    obj,
    outcomes,
    owned_by,
    owners,
    service,
    unique,
    workload,
)


@pytest.fixture
def elsewhere(second_cluster, namespace):
    """Another cluster, where nothing of the test exists yet."""
    lab = Lab(second_cluster, namespace)
    lab.end_later(namespace)
    yield lab
    lab.close()


def owner_uids(thing):
    return [owner["uid"] for owner in thing["metadata"].get("ownerReferences", ())]


def assert_collector_has_passed(lab):
    """The garbage collector takes what has an owner that does not exist, and by now it has looked."""
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nobody", "uid": "not-there"}}
    bait = lab.make(config_map("bait", metadata=owned_by(nobody)))
    eventually(lambda: lab.find(bait) is None, "the garbage collector has passed")


# ownerReferences


def test_chain_of_owners_is_linked_again_whatever_their_kinds(lab, vault, elsewhere):
    """Kinds are restored in the order ConfigMap, Secret, Deployment; here each is owned by the next one."""
    web = lab.make(workload("Deployment", "web"))
    login = lab.make(obj("v1", "Secret", "login", metadata=owned_by(web, controller=True)))
    lab.make(config_map(metadata=owned_by(login)))
    vault.back_up(lab)

    report = vault.restore(elsewhere)

    web, login = elsewhere.read(web), elsewhere.read(login)
    assert report.outcome == "done"
    assert owner_uids(login) == [web["metadata"]["uid"]]
    assert login["metadata"]["ownerReferences"][0]["controller"]
    assert owner_uids(elsewhere.read(config_map())) == [login["metadata"]["uid"]]
    assert_collector_has_passed(elsewhere)
    assert elsewhere.find(login)
    assert elsewhere.find(config_map())


def test_cluster_scoped_owner_is_linked_again(lab, vault, elsewhere):
    role = lab.make(obj("rbac.authorization.k8s.io/v1", "ClusterRole", unique("owner"), rules=[]))
    lab.make(config_map(metadata=owned_by(role)))
    vault.back_up(lab, namespaces=(lab.namespace,), objects=(f"clusterrole/{role['metadata']['name']}",))

    report = vault.restore(elsewhere)

    assert report.outcome == "done"
    assert owner_uids(elsewhere.read(config_map())) == [elsewhere.read(role)["metadata"]["uid"]]
    assert_collector_has_passed(elsewhere)
    assert elsewhere.find(config_map())


def test_custom_resource_as_owner_is_linked_again_when_its_kind_is_new(lab, vault, elsewhere):
    stem = unique("thing").replace("-", "")
    lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    thing = lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"size": 1}))
    lab.make(config_map(metadata=owned_by(thing)))
    vault.back_up(lab)

    report = vault.restore(elsewhere)

    assert (report.outcome, report.errors) == ("done", [])
    assert owner_uids(elsewhere.read(config_map())) == [elsewhere.read(thing)["metadata"]["uid"]]
    elsewhere.delete_later(definition(stem))


def test_owner_that_is_missing_is_dropped_and_reported_and_the_object_stays(lab, vault, elsewhere):
    owner = lab.make(config_map("owner"))
    kept = lab.make(obj("v1", "Secret", "kept"))
    both = owned_by(owner)["ownerReferences"] + owned_by(kept)["ownerReferences"]
    lab.make(config_map("owned", metadata={"ownerReferences": both}))
    vault.back_up(lab)

    report = vault.restore(elsewhere, objects=(f"configmap/{lab.namespace}/owned", f"secret/{lab.namespace}/kept"))

    result = entry(report, "configmaps", "owned")
    assert result.result == "created"
    assert result.why == "without its owners ConfigMap owner, which do not exist here"
    owned = elsewhere.read(config_map("owned"))
    assert owner_uids(owned) == [elsewhere.read(kept)["metadata"]["uid"]]
    assert_collector_has_passed(elsewhere)
    assert elsewhere.find(config_map("owned"))


def test_object_whose_only_owner_is_missing_survives_the_garbage_collector(lab, vault, elsewhere):
    lab.make(config_map("owned", metadata=owned_by(lab.make(config_map("owner")))))
    vault.back_up(lab)

    vault.restore(elsewhere, objects=(f"configmap/{lab.namespace}/owned",))

    assert_collector_has_passed(elsewhere)
    assert "ownerReferences" not in elsewhere.read(config_map("owned"))["metadata"]


def test_owner_that_was_made_anew_is_no_difference(lab, vault):
    owner = lab.make(config_map("owner"))
    lab.make(config_map("owned", metadata=owned_by(owner)))
    vault.back_up(lab)
    lab.delete(owner)
    eventually(lambda: lab.find(config_map("owned")) is None, "the owned object is collected")
    vault.restore(lab)

    report = vault.restore(lab, on_conflict="update")

    assert outcomes(report)["configmaps", "owned"] == "unchanged"
    assert owner_uids(lab.read(config_map("owned"))) == [lab.read(owner)["metadata"]["uid"]]


def test_users_finalizers_come_back_and_those_of_controllers_are_left_to_them(lab, vault, elsewhere):
    lab.make(config_map(metadata={"finalizers": ["example.com/hold"]}))
    lab.make(claim())
    vault.back_up(lab)

    vault.restore(elsewhere)

    assert elsewhere.read(config_map())["metadata"]["finalizers"] == ["example.com/hold"]
    made = eventually(lambda: elsewhere.read(claim())["metadata"].get("finalizers"), "its controller's finalizer")
    assert made == ["kubernetes.io/pvc-protection"]
    for where in (lab, elsewhere):
        where.patch(config_map(), {"metadata": {"finalizers": None}})


# Managers of fields


def test_managers_of_fields_come_back(lab, vault):
    lab.make(config_map("updated"), manager="terraform")
    lab.server_side_apply(config_map("applied"), manager="flux")
    lab.server_side_apply(config_map("shared"), manager="flux")
    lab.patch(config_map("shared"), {"data": {"size": "small"}}, manager="kubectl-edit")
    lab.make(workload("Deployment", "web"), manager="helm")
    lab.patch(workload("Deployment", "web"), {"spec": {"replicas": 2}}, manager="autoscaler", subresource="scale")
    lab.make(service(type="LoadBalancer"), manager="helm")
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    lab.patch(service(), {"status": address}, manager="cloud", subresource="status")
    owner = lab.make(config_map("owner"))
    lab.make(config_map("owned", metadata=owned_by(owner)), manager="operator")
    lab.patch(config_map("owned"), {"data": {"size": "small"}}, manager="kubectl-edit")
    lab.settled()
    vault.back_up(lab)
    before = lab.objects()
    copy = lab.within(unique("copy"))
    lab.end_later(copy.namespace)

    report = vault.restore(lab, namespaces={lab.namespace: copy.namespace})

    copy.settled()
    now = copy.objects()
    assert report.outcome == "done"
    names = "updated", "applied", "shared", "owner"
    for key in (("Deployment", "web"), ("Service", "web"), *(("ConfigMap", name) for name in names)):
        assert owners(now[key]) == owners(before[key]), key
    uids = owner["metadata"]["uid"], now["ConfigMap", "owner"]["metadata"]["uid"]
    expected = json.dumps(owners(before["ConfigMap", "owned"])).replace(*uids)
    assert owners(now["ConfigMap", "owned"]) == json.loads(expected)
    managers = {each["manager"] for each in now["Service", "web"]["metadata"]["managedFields"]}
    assert "cloud" not in managers  # it owned the status, which is not restored


def test_restore_that_ended_before_it_gave_fields_back_is_finished_by_the_next(lab, vault):
    lab.server_side_apply(config_map(), manager="flux")
    made = lab.patch(config_map(), {"data": {"size": "small"}}, manager="kubectl-edit")
    vault.back_up(lab)
    lab.delete(made)
    lab.make(config_map(data=made["data"]), manager="holdfast")

    plan = vault.plan(lab)
    report = vault.restore(lab)

    found = entry(plan, "configmaps", "settings")
    assert (found.action, found.why) == ("merge", "an interrupted restore left its field owners unfinished")
    result = entry(report, "configmaps", "settings")
    assert (result.result, result.why) == ("updated", "its field owners were completed")
    assert owners(lab.read(made)) == owners(made)
    version = lab.read(made)
    assert outcomes(vault.restore(lab))["configmaps", "settings"] == "unchanged"
    assert lab.read(made) == version
