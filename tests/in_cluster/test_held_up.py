"""Runs that cannot start or may not do their work: each says why, and begins when that is over."""

import pytest
from tests.in_cluster.installed import ACCOUNT, until

pytestmark = pytest.mark.cluster

UNKNOWN = "testbed/nobody-knows-it:1"
QUOTAS = {"job": "count/jobs.batch=0", "pod": "pods=0"}


@pytest.fixture(scope="module")
def crowded(installed):
    """Tenants whose quota refuses the Job, or the pod, of a Backup `before`."""
    tenants = {}
    for name, hard in QUOTAS.items():
        tenant = tenants[name] = installed.tenant()
        tenant.wait("StorageLocation", "main", "Ready", "True")
        tenant.kubectl("create", "quota", "tight", f"--hard={hard}")
        until(lambda tenant=tenant: "used" in tenant.kubectl("get", "quota", "tight", "-o", "jsonpath={.status}"))
        tenant.backup("before", tenant.namespace, serviceAccountName=ACCOUNT)
    yield tenants
    for tenant in tenants.values():
        tenant.leave()


@pytest.fixture(scope="module")
def roomy(crowded):
    """The same after their quotas went."""
    for tenant in crowded.values():
        tenant.wait("Backup", "before", "Complete", "False", "QuotaExceeded")
        tenant.kubectl("delete", "quota", "tight")
    return crowded


@pytest.fixture(scope="module")
def powerless(installed, home):
    """A plan of an account without rights, and a Backup of one that does not even exist."""
    shop = installed.namespace()
    home.backup("nobodys", shop.namespace, serviceAccountName="latecomer")
    home.kubectl("create", "serviceaccount", "powerless")
    home.plan("powerless", shop.namespace, serviceAccountName="powerless")
    home.run_by_hand("powerless", "plan-powerless-run-1")
    yield
    shop.leave()


@pytest.mark.usefixtures("powerless")
@pytest.mark.parametrize("refused", QUOTAS)
def test_a_quota(crowded, refused):
    _, _, message = crowded[refused].wait("Backup", "before", "Complete", "False", "QuotaExceeded")
    assert "tight" in message


@pytest.mark.usefixtures("powerless")
def test_an_account_without_rights(home):
    _, _, message = home.wait("BackupPlan", "powerless", "Healthy", "False", "Forbidden")
    assert "powerless" in message


@pytest.mark.usefixtures("powerless")
def test_an_account_that_does_not_exist(home):
    _, _, message = home.wait("Backup", "nobodys", "Complete", "False", "NoServiceAccount")
    assert "latecomer" in message
    role = ("--clusterrole=holdfast-runner", f"--serviceaccount={home.namespace}:latecomer")
    home.kubectl("create", "clusterrolebinding", "latecomer", *role)
    home.kubectl("create", "serviceaccount", "latecomer")
    home.wait("Backup", "nobodys", "Complete", "True", "Done")


@pytest.mark.parametrize("refused", QUOTAS)
def test_what_a_quota_held_back_begins_when_there_is_room(roomy, refused):
    roomy[refused].wait("Backup", "before", "Complete", "True", "Done")


def test_an_image_that_cannot_be_pulled(installed, home, shop):
    set_image = ("set", "env", "deployment/holdfast-controller")
    known = home.kubectl(*set_image, "--list").partition("HOLDFAST_IMAGE=")[2].splitlines()[0]
    home.kubectl(*set_image, f"HOLDFAST_IMAGE={UNKNOWN}")
    try:
        installed.wait_for_controllers()
        home.plan("unknown-image", shop.namespace)
        home.run_by_hand("unknown-image", "plan-unknown-image-run-1")
        until(
            lambda: home.condition("BackupPlan", "unknown-image", "Healthy")[1] in ("ErrImagePull", "ImagePullBackOff")
        )
        assert UNKNOWN in home.condition("BackupPlan", "unknown-image", "Healthy")[2]
    finally:
        home.kubectl(*set_image, f"HOLDFAST_IMAGE={known}")
        installed.wait_for_controllers()
    until(lambda: UNKNOWN not in str(home.get("CronJob", "plan-unknown-image")))
    home.delete("Job", "plan-unknown-image-run-1")
    home.wait("BackupPlan", "unknown-image", "Healthy", "False", "JobDeleted")
