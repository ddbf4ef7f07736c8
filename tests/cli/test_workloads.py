"""`--workload` as people see it: which objects belong to it and why, and what is said of one that is not there."""

import pytest


@pytest.fixture
def web(cluster, shop):
    """A Deployment that uses the ConfigMap of the shop and not its Secret, by the name that flags take."""
    base = f"/apis/apps/v1/namespaces/{shop}/deployments"
    volume = {"name": "settings", "configMap": {"name": "settings"}}
    container = {"name": "main", "image": "none.invalid/none:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], "volumes": [volume]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    cluster.api.create(base, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    return f"deployment/{shop}/web"


def because(shop):
    """{(kind, name): why} of what belongs to the workload and has no generated name."""
    return {
        ("namespaces", shop): "holds selected objects",
        ("deployments.apps", "web"): "named in the selection",
        ("configmaps", "settings"): f"configuration of deployments.apps/{shop}/web",
        ("serviceaccounts", "default"): f"account of deployments.apps/{shop}/web",
    }


def stable(reasons):
    return {key: why for key, why in reasons.items() if key[0] != "replicasets.apps"}


def test_a_dry_run_says_why_each_object_is_in(connected, shop, web):
    document = connected("backup", "create", "--workload", web, "--dry-run", "-o", "json").document
    assert stable({(item["kind"], item["name"]): item["reason"] for item in document["objects"]}) == because(shop)
    assert document["errors"] == []
    table = connected("backup", "create", "--workload", web, "--dry-run").out
    for (kind, name), why in because(shop).items():
        (line,) = [line for line in table.splitlines() if line.split()[:1] == [kind] and name in line.split()]
        assert line.endswith(why)
    assert "secrets" not in table


def test_a_backup_names_the_workload_and_a_plan_says_why_each_object_is_in(connected, shop, web):
    connected("backup", "create", "-n", shop, "--name", "all")
    run = connected("backup", "create", "--workload", web.replace("deployment", "deploy"), "-o", "json").document
    assert run["name"].startswith("web-")
    (entry,) = [each for each in connected("backup", "list", "-o", "json").document if each["name"] == run["name"]]
    assert entry["selection"] == [f"/workloads/deployments.apps/{shop}/web"]
    for backup in ("all", run["name"]):
        plan = connected("restore", "plan", backup, "--workload", web, "-o", "json").document
        assert stable({(item["kind"], item["name"]): item["reason"] for item in plan["objects"]}) == because(shop)
        table = connected("restore", "run", backup, "--workload", web, "--dry-run").out
        assert f"configuration of deployments.apps/{shop}/web" in table


def test_a_plan_without_a_workload_does_not_explain_what_the_flags_say(connected, web):
    connected("backup", "create", "--workload", web, "--name", "web")
    assert "BELONGS TO" not in connected("restore", "plan", "web").out
    assert "BELONGS TO" in connected("restore", "plan", "web", "--workload", web).out


def test_several_can_be_named_at_once(connected, shop, web):
    both = f"{web},configmap/{shop}/settings"
    document = connected("backup", "create", "--workload", both, "--dry-run", "-o", "json").document
    reasons = {(item["kind"], item["name"]): item["reason"] for item in document["objects"]}
    assert stable(reasons) == {**because(shop), ("configmaps", "settings"): "named in the selection"}


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("web", 2, "kind/namespace/name"),
        ("deployment/web", 2, "kind/namespace/name"),
        ("deploymnet/{shop}/web", 2, "it serves none by this name"),
        ("clusterrole/{shop}/view", 2, "has no namespace"),
        ("deployment/nowhere/web", 1, "namespace"),
        ("deployment/{shop}/wep", 1, "similar names are web"),
    ],
)
def test_what_is_no_workload_is_refused_with_a_reason(connected, shop, text, code, why):
    problem = connected("backup", "create", "--workload", text.format(shop=shop), "--dry-run", code=code).problem
    assert all(problem)
    assert why in problem[1]


def test_a_workload_that_the_backup_does_not_have_is_1(connected, shop, web):
    connected("backup", "create", "-n", shop, "--exclude-kind", "deploy", "--name", "without")
    assert "does not exist" in connected("restore", "plan", "without", "--workload", web, code=1).problem[0]
