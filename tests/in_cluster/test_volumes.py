"""Data of volumes by objects of a cluster: pods that coordinate, movers beside them, with the rights that the roles give."""

import json

import pytest
from tests.in_cluster.application import claim, give_data, lose_data, read
from tests.in_cluster.installed import ACCOUNT, HOME, until

pytestmark = pytest.mark.cluster
ONLY_BACKUPS = "only-backups"
"""An account with the rights that `install --backups-only` gives, and no others."""
POLICY = {
    "version": "v1",
    "volumePolicies": [{"conditions": {"storageClass": ["standard"]}, "action": {"type": "skip"}}],
}


@pytest.fixture(scope="module", autouse=True)
def _account(installed):
    kubectl = installed.home.kubectl
    kubectl("create", "serviceaccount", ONLY_BACKUPS)
    who = f"--serviceaccount={HOME}:{ONLY_BACKUPS}"
    roles = ("holdfast-runner-backup", "holdfast-runner-volumes", "holdfast-runner-hooks")
    for role in roles:
        kubectl("create", "clusterrolebinding", f"{ONLY_BACKUPS}-{role}", f"--clusterrole={role}", who)
    kubectl("create", "rolebinding", ONLY_BACKUPS, "--role=holdfast-movers", who)
    yield
    for role in roles:
        kubectl("delete", "clusterrolebinding", f"{ONLY_BACKUPS}-{role}")


def record(program, name):
    """What a backup of this name says of itself."""
    [found] = [one for one in program("backup", "list", "-o", "json").document if (one["name"] or "").startswith(name)]
    return program("backup", "show", found["id"], "-o", "json").document


def left_of_movers(installed):
    """All that a run makes for its movers, in every namespace."""
    kinds = "jobs,pods,secrets,leases,persistentvolumeclaims,persistentvolumes"
    return installed.cluster.kubectl("get", kinds, "-A", "-l", "holdfast.dev/run", "-o", "name").split()


def test_a_plan_saves_a_volume_and_a_restore_object_brings_it_back(installed, home, shop):
    give_data(shop, "1,2,3")
    backup = {"namespaces": [shop.namespace], "movers": {"cpu": "500m", "memory": "512Mi"}}
    home.plan("volumes", backup=backup, serviceAccountName=ONLY_BACKUPS)
    home.run_by_hand("volumes", "plan-volumes-run-1")
    home.wait("BackupPlan", "volumes", "Healthy", "True", "LastRunDone")
    assert home.status("BackupPlan", "volumes")["lastRun"]["counts"]["volumesSaved"] == 1
    made = record(installed.outside, "volumes-")
    [volume] = made["volumes"]
    assert (volume["namespace"], volume["name"], volume["outcome"]) == (shop.namespace, "data", "done")
    assert made["errors"] == []
    assert left_of_movers(installed) == []

    copy = f"{shop.namespace}-copy"
    home.restore("volumes", made["name"], namespaces=[shop.namespace], mapNamespaces={shop.namespace: copy})
    home.wait("Restore", "volumes", "Complete", "True", "Done")
    there = installed.space(copy)
    until(lambda: read(there) == "1,2,3")
    assert read(there, "/data/link") == "1,2,3"
    assert left_of_movers(installed) == []
    there.leave()


def test_data_comes_back_where_it_was_lost(installed, home, shop):
    give_data(shop, "4,5,6")
    home.backup("lost", shop.namespace, volumes="auto")
    home.wait("Backup", "lost", "Complete", "True", "Done")
    lose_data(shop)
    home.restore("lost", "lost", namespaces=[shop.namespace])
    home.wait("Restore", "lost", "Complete", "True", "Done")
    until(lambda: read(shop) == "4,5,6")
    assert left_of_movers(installed) == []


def test_a_tenant_saves_and_restores_a_volume_with_a_repository_of_its_own(installed, tenant):
    """Its movers run beside its pods, and no right on PersistentVolumes is needed."""
    give_data(tenant, "7,8,9")
    tenant.backup("mine", tenant.namespace, serviceAccountName=ACCOUNT, volumes="auto")
    tenant.wait("Backup", "mine", "Complete", "True", "Done")
    [volume] = record(installed.at(tenant.bucket), "mine-")["volumes"]
    assert volume["outcome"] == "done"
    lose_data(tenant)
    tenant.restore("mine", "mine", serviceAccountName=ACCOUNT, namespaces=[tenant.namespace])
    tenant.wait("Restore", "mine", "Complete", "True", "Done")
    until(lambda: read(tenant) == "7,8,9")
    assert left_of_movers(installed) == []


def test_what_an_object_says_of_volumes_arrives_in_its_pod(installed, home, shop):
    """A policy and hooks are documents, which a pod gets as text: with quotes, blanks and dollars."""
    give_data(shop, "1")
    hook = {
        "when": "before-backup",
        "namespaces": [shop.namespace],
        "selector": "app=web",
        "command": ["sh", "-c", 'echo $(echo "it\'s") $$ > /data/hooked'],
    }
    common = {"serviceAccountName": ONLY_BACKUPS, "volumes": "auto"}
    home.backup("skipping", shop.namespace, volumePolicy=POLICY, **common)
    home.backup("hooked", shop.namespace, hooks=[hook], excludePaths=[f"{shop.namespace}/data:deep"], **common)
    home.wait("Backup", "skipping", "Complete", "True", "Done")
    [volume] = record(installed.outside, "skipping-")["volumes"]
    assert (volume["outcome"], volume["saved"]) == ("left-out", False)
    home.wait("Backup", "hooked", "Complete", "True", "Done")
    made = record(installed.outside, "hooked-")
    assert [one["outcome"] for one in made["hooks"]] == ["done"]
    words = read(shop, "/data/hooked").split()
    assert words[0] == "it's"
    assert words[1].isdigit()
    listed = installed.outside("backup", "browse", made["id"], made["volumes"][0]["path"], "-o", "json").document
    assert {one["path"].rpartition("/")[2] for one in listed} == {"rows", "link", "hooked"}


def test_a_run_without_the_rights_for_movers_names_what_is_missing(installed, home, shop):
    """As after `install --backups-only --no-volumes`: the objects are saved, and the volume is a failure with a name."""
    give_data(shop, "1")
    home.kubectl("create", "serviceaccount", "reader")
    who = f"--serviceaccount={HOME}:reader"
    home.kubectl("create", "clusterrolebinding", "reader", "--clusterrole=holdfast-runner-backup", who)
    home.backup("reading", shop.namespace, serviceAccountName="reader", volumes="auto")
    _, _, message = home.wait("Backup", "reading", "Complete", "True", "Partial")
    assert f"{shop.namespace}/data" in message
    told = json.dumps(record(installed.outside, "reading-"))
    assert "forbidden" in told.lower()
    home.kubectl("delete", "clusterrolebinding", "reader")


def test_a_claim_that_is_not_bound_is_named_and_the_rest_is_saved(home, shop):
    give_data(shop, "1")
    shop.kubectl("apply", "-f", "-", input=json.dumps(claim("waiting", storage_class="no-such-class")))
    home.backup("waiting", shop.namespace, serviceAccountName=ONLY_BACKUPS, volumes="auto")
    _, _, message = home.wait("Backup", "waiting", "Complete", "True", "Partial")
    assert f"{shop.namespace}/waiting" in message
    assert home.status("Backup", "waiting")["run"]["counts"]["volumesSaved"] == 1
