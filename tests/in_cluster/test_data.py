"""Whose data goes and whose stays, and who reaches which repository."""

import pytest
from tests.in_cluster.installed import ACCOUNT, HOME, SECRET_VALUE, until

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def curious(installed):
    """A tenant that has asked for a Backup of Holdfast's namespace. Kubernetes tries it three times."""
    tenant = installed.tenant()
    tenant.backup("curious", HOME, serviceAccountName=ACCOUNT)
    yield tenant
    tenant.leave()


def test_the_data_of_a_deleted_backup_goes_if_that_is_wanted(installed, home, shop):
    home.backup("retained", shop.namespace)
    home.backup("dropped", shop.namespace, deletionPolicy="Delete")
    for name in ("retained", "dropped"):
        home.wait("Backup", name, "Complete", "True")
        home.delete("Backup", name)
    until(lambda: home.get("Backup", "dropped") is None, lambda: home.get("Backup", "dropped"))
    assert not installed.backups("dropped")
    assert installed.backups("retained")


def test_copies_do_nothing(home, shop):
    home.backup("original", shop.namespace)
    home.wait("Backup", "original", "Complete", "True")
    home.restore("original", "original", namespaces=[shop.namespace])
    home.wait("Restore", "original", "Complete", "True")
    for kind in ("Backup", "Restore"):
        body = home.get(kind, "original")
        home.create({**body, "metadata": {"name": "copy", "annotations": body["metadata"]["annotations"]}})
        home.wait(kind, "copy", "Failed", "True", "Copied")
    assert not [job for job in home.list("Job") if "-copy-" in job["metadata"]["name"]]


def test_two_clusters_use_one_location(installed, home, shop, second_cluster, make_namespace):
    """The second one has no nodes: there the command line does what pods do here."""
    elsewhere = installed.outside.but(KUBECONFIG=second_cluster.kubeconfig)
    theirs = make_namespace(within=second_cluster)
    body = {"metadata": {"name": "settings"}, "data": {"colour": "blue"}}
    second_cluster.api.create(f"/api/v1/namespaces/{theirs}/configmaps", body)
    elsewhere("backup", "create", "-n", theirs, "--name", "from-there")
    home.backup("from-here", shop.namespace)
    home.wait("Backup", "from-here", "Complete", "True")
    for listing in (installed.outside, elsewhere):
        names = [one["name"] for one in listing("backup", "list", "-o", "json").document]
        assert "from-there" in names
        assert any(name.startswith("from-here-") for name in names)

    home.restore("theirs-here", "from-there")
    home.wait("Restore", "theirs-here", "Complete", "True")
    here = installed.space(theirs)
    assert here.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.colour}") == "blue"
    here.leave()

    [ours] = [one["id"] for one in installed.backups("from-here-")]
    elsewhere("restore", "run", ours, "--yes")
    found = second_cluster.api.request("GET", f"/api/v1/namespaces/{shop.namespace}/configmaps/settings")
    assert found["data"] == {"colour": "green"}
    second_cluster.api.request("DELETE", f"/api/v1/namespaces/{shop.namespace}")


class TestTenant:
    @pytest.mark.usefixtures("curious")
    def test_a_plan_of_the_own_namespace_runs(self, installed, tenant):
        tenant.plan("own", tenant.namespace)
        tenant.run_by_hand("own", "plan-own-run-1")
        tenant.wait("BackupPlan", "own", "Healthy", "True", "LastRunDone")
        assert len(installed.at(tenant.bucket)("backup", "list", "-o", "json").document) == 1

    @pytest.mark.parametrize("location", ["gated", f"{HOME}/main"])
    @pytest.mark.usefixtures("gate")
    def test_a_shared_location_cannot_be_named(self, shop, location):
        shop.plan("greedy", shop.namespace, location=location)
        shop.backup("greedy", shop.namespace, location=location)
        shop.wait("BackupPlan", "greedy", "Ready", "False", "LocationNotAllowed")
        shop.wait("Backup", "greedy", "Failed", "True", "LocationNotAllowed")
        assert not shop.list("Job")

    def test_a_shared_repository_cannot_be_spelled_another_way(self, installed, home, shop):
        url = home.get("StorageLocation", "main")["spec"]["url"]
        shop.secret("location-main", **installed.credentials())  # even who knows its credentials
        shop.location("copy", url=url.replace("s3:http://", "s3:HTTP://") + "//")
        shop.location("inside", url=url + "/deeper")
        for name in ("copy", "inside"):
            shop.wait("StorageLocation", name, "Ready", "False", "LocationNotAllowed")
        shop.restore("greedy", location="copy")
        shop.wait("Restore", "greedy", "Failed", "True", "LocationNotAllowed")
        assert not shop.list("Job")

    def test_what_was_restored_is_as_it_was(self, tenant):
        tenant.backup("mine", tenant.namespace, serviceAccountName=ACCOUNT)
        tenant.wait("Backup", "mine", "Complete", "True")
        tenant.kubectl("delete", "secret", "token")
        tenant.restore("mine", "mine", serviceAccountName=ACCOUNT, namespaces=[tenant.namespace])
        tenant.wait("Restore", "mine", "Complete", "True")
        assert SECRET_VALUE not in str(tenant.status("Restore", "mine"))
        tenant.kubectl("get", "secret", "token")

    def test_a_run_does_not_read_other_namespaces(self, curious):
        _, _, message = curious.wait("Backup", "curious", "Failed", "True", "Forbidden")
        assert HOME in message
