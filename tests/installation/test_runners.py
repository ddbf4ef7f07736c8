"""Runs with the accounts of an installation: what their roles name is what backups and restores need."""

import pytest
from tests.installation.conftest import bind
from tests.installation.reading import OURS, RBAC

pytestmark = pytest.mark.cluster


@pytest.fixture
def as_account(kubeconfig_of, holdfast, tmp_path):
    """`as_account("shop/holdfast-runner")`: the program as a pod of this account has it, with a repository."""

    def log_in(account):
        return holdfast.but(
            KUBECONFIG=kubeconfig_of(account),
            HOLDFAST_REPOSITORY=tmp_path / "repository",
            HOLDFAST_PASSWORD="correct horse",
            HOLDFAST_CLUSTER_NAME="test",
        )

    return log_in


@pytest.fixture
def shop(bare_cluster, make_namespace):
    """A namespace with a little of everything that an application has, a role too."""
    name = make_namespace(within=bare_cluster)
    core = f"/api/v1/namespaces/{name}"
    bare_cluster.api.create(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"colour": "green"}})
    bare_cluster.api.create(f"{core}/secrets", {"metadata": {"name": "login"}, "stringData": {"user": "shop"}})
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]
    bare_cluster.api.create(f"{RBAC}/namespaces/{name}/roles", {"metadata": {"name": "cleaner"}, "rules": rules})
    return name


def lose(cluster, namespace):
    for path in ("/api/v1/namespaces/{}/configmaps/settings", RBAC + "/namespaces/{}/roles/cleaner"):
        cluster.api.request("DELETE", path.format(namespace))


@pytest.mark.usefixtures("installed")
def test_the_runner_backs_up_and_restores_roles_that_have_more_rights(reading, bare_cluster, as_account, shop):
    reading.wait_until(lambda: reading.get(f"{RBAC}/clusterroles/holdfast-runner").get("rules"))
    runner = as_account("holdfast/holdfast-runner")
    runner("repository", "init")
    runner("backup", "create", "-n", shop, "--volumes", "none", "--name", "before")
    lose(bare_cluster, shop)
    report = runner("restore", "run", "before", "-n", shop, "-o", "json").document
    assert report["counts"]["created"] == 2


@pytest.mark.usefixtures("cleared")
def test_a_runner_for_backups_only_reads_everything_and_writes_nothing(
    holdfast, reading, bare_cluster, as_account, shop
):
    holdfast("install", "--backups-only")
    reading.wait_until(lambda: reading.get(f"{RBAC}/clusterroles/holdfast-runner").get("rules"))
    runner = as_account("holdfast/holdfast-runner")
    runner("repository", "init")
    run = runner("backup", "create", "-A", "--volumes", "none", "--name", "before", "-o", "json").document
    assert run["errors"] == []
    lose(bare_cluster, shop)
    report = runner("restore", "run", "before", "-n", shop, "-o", "json", code=3).document
    assert report["counts"]["failed"] == 2
    assert "settings" not in reading.names(f"/api/v1/namespaces/{shop}/configmaps")


@pytest.mark.usefixtures("installed")
def test_a_tenants_runner_backs_up_and_restores_its_namespace_and_no_role(reading, bare_cluster, as_account, shop):
    reading.wait_until(lambda: reading.get(f"{RBAC}/clusterroles/holdfast-tenant-runner").get("rules"))
    reading.api.create(f"/api/v1/namespaces/{shop}/serviceaccounts", {"metadata": {"name": "holdfast-runner"}})
    account = {"kind": "ServiceAccount", "name": "holdfast-runner", "namespace": shop}
    bind(bare_cluster.api, "holdfast-tenant-runner", account, shop)
    reading.make_plan(shop)
    runner = as_account(f"{shop}/holdfast-runner")
    runner("repository", "init")
    run = runner(
        "backup", "create", "-n", shop, "--cluster-objects", "none", "--name", "before", "-o", "json", code=None
    )
    assert run.document["errors"] == []
    lose(bare_cluster, shop)
    plan = f"{OURS}/namespaces/{shop}/backupplans/nightly"
    uid = reading.api.request("DELETE", plan)["details"]["uid"]
    report = runner("restore", "run", "before", "-n", shop, "-o", "json", code=3).document
    failed = {item["name"] for item in report["objects"] if item["result"] == "failed"}
    assert failed == {"cleaner"}
    assert "settings" in reading.names(f"/api/v1/namespaces/{shop}/configmaps")
    assert reading.get(plan)["metadata"]["annotations"]["holdfast.dev/uid"] == uid  # another one's, so it rests
