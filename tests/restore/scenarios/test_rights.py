"""Accounts with few rights: what they may do is done, and each refusal is named in the server's own words."""

import pytest
from tests.restore_lab import Lab, config_map, entry, eventually, obj, outcomes, service, unique, workload

from holdfast.errors import ApiRefused

RBAC = "rbac.authorization.k8s.io/v1"
READ = ["get", "list"]


def rule(resources, verbs, group=""):
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


@pytest.fixture
def account(cluster):
    """`account(rules, namespace=None) -> Lab` of a new account with these rights."""
    labs = []

    def make(rules, namespace=None):
        labs.append(Lab(cluster, namespace or "", account=cluster.account(unique("narrow"), rules, namespace)))
        return labs[-1]

    yield make
    for each in labs:
        each.close()


@pytest.fixture
def saved(lab, vault):
    lab.make(obj("v1", "ServiceAccount", "robot"))
    lab.make(obj(RBAC, "Role", "reader", rules=[rule(["secrets"], READ)]))
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": lab.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    lab.make(obj(RBAC, "RoleBinding", "readers", roleRef=role, subjects=[subject]))
    for thing in (
        config_map("one"),
        config_map("two"),
        service(),
        workload("StatefulSet", "db", serviceName="db", replicas=0),
    ):
        lab.make(thing)
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    vault.back_up(lab)


@pytest.mark.usefixtures("saved")
def test_account_with_few_rights_restores_what_it_may_and_names_every_refusal(lab, vault, copy, into_copy, account):
    lab.make(obj("v1", "Namespace", copy.namespace))
    narrow = account([rule(["configmaps"], ["*"]), rule(["statefulsets"], [*READ, "create"], "apps")], copy.namespace)

    plan = vault.plan(narrow, **into_copy)
    report = vault.restore(narrow, **into_copy)

    may = {("configmaps", "one"), ("configmaps", "two"), ("statefulsets", "db")}
    may_not = {
        ("namespaces", copy.namespace),
        ("rolebindings", "readers"),
        ("roles", "reader"),
        ("secrets", "login"),
        ("serviceaccounts", "default"),
        ("serviceaccounts", "robot"),
        ("services", "web"),
    }
    results = outcomes(report)
    assert {key for key, result in results.items() if result == "created"} == may
    assert {key for key, result in results.items() if result == "failed"} == may_not
    for kind, name in may_not:
        failed = entry(report, kind, name)
        assert "cannot " in failed.why
        assert kind in failed.why
        assert "RBAC" in failed.next
    named = {problem.what for problem in report.errors}
    assert len(named) == len(may_not)
    assert f"secrets/{copy.namespace}/login was not restored" in named
    assert outcomes(plan).keys() == results.keys()
    assert report.outcome.exit_code == 3


@pytest.mark.usefixtures("saved")
def test_account_that_may_not_give_away_rights_that_it_lacks_is_told_so(vault, into_copy, account):
    """Kubernetes refuses to let anybody create a role with more rights than they have."""
    kinds = rule(["roles", "rolebindings"], [*READ, "create", "patch"], "rbac.authorization.k8s.io")
    narrow = account([rule(["namespaces", "serviceaccounts"], ["*"]), rule(["configmaps"], ["*"]), kinds])

    report = vault.restore(narrow, **into_copy)

    assert outcomes(report)["configmaps", "one"] == "created"
    failed = entry(report, "roles", "reader")
    assert failed.result == "failed"
    assert "attempting to grant RBAC permissions not currently held" in failed.why


@pytest.mark.usefixtures("saved")
def test_account_that_may_not_delete_rolls_back_the_rest_and_names_what_stays(lab, vault, account):
    narrow = account([rule(["*"], [*READ, "create", "update", "patch"], "*")])
    lab.patch(config_map("one"), {"data": {"color": "red"}})
    lab.delete(config_map("two"))
    lab.make(config_map("new"))

    report = vault.restore(narrow, rollback=True, include_kinds=("configmaps",), namespaces_in=(lab.namespace,))

    results = outcomes(report)
    assert report.outcome == "partial"
    assert (results["configmaps", "one"], results["configmaps", "two"]) == ("updated", "created")
    failed = entry(report, "configmaps", "new")
    assert (failed.result, "cannot delete resource" in failed.why) == ("failed", True)
    assert lab.find(config_map("new"))
    assert vault.undo(lab).outcome == "done"
    assert lab.read(config_map("one"))["data"] == {"color": "red"}
    assert not lab.find(config_map("two"))


@pytest.mark.usefixtures("saved")
def test_rights_that_are_taken_away_in_the_middle_are_named_and_the_next_run_finishes(
    lab, vault, copy, into_copy, cluster
):
    """They end when the plan is made."""
    user = unique("narrow")
    narrow = Lab(cluster, account=cluster.account(user, [rule(["*"], ["*"], "*")]))
    binding = obj(RBAC, "ClusterRoleBinding", user)

    def take_away(_plan):
        lab.delete(binding)
        eventually(lambda: _may_not(narrow), "the rights are gone")

    report = vault.restore(narrow, **into_copy, approve=take_away)

    assert report.outcome == "partial"
    assert {item.result for item in report.objects} == {"failed"}
    assert all("cannot " in item.why and user in item.why for item in report.objects)
    assert lab.find(obj("v1", "Namespace", copy.namespace)) is None
    assert vault.restore(lab, **into_copy).outcome == "done"
    narrow.close()


def _may_not(lab):
    try:
        lab.send("GET", "/api/v1/namespaces")
    except ApiRefused:
        return True
    return False
