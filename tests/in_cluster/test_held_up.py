"""Runs that cannot start or may not do their work: each says why, and goes on or ends; nothing tries again without end."""

import pytest
from tests.in_cluster.installed import until

pytestmark = pytest.mark.cluster

UNKNOWN = "testbed/nobody-knows-it:1"


@pytest.fixture
def quota(home):
    """`quota(**hard)` sets one in Holdfast's namespace; it goes with the test."""

    def set_hard(**hard):
        limits = ",".join(f"{name}={value}" for name, value in hard.items())
        home.kubectl("create", "quota", "tight", f"--hard={limits}")
        until(lambda: "used" in home.kubectl("get", "quota", "tight", "-o", "jsonpath={.status}"))

    yield set_hard
    home.kubectl("delete", "quota", "tight", "--ignore-not-found")


def lift(home):
    home.kubectl("delete", "quota", "tight")


def test_a_quota_that_refuses_the_job(home, shop, quota):
    quota(**{"count/jobs.batch": 0})
    home.backup("no-jobs", shop.namespace)
    home.wait("Backup", "no-jobs", "Complete", "False", "QuotaExceeded")
    lift(home)
    home.wait("Backup", "no-jobs", "Complete", "True")


def test_a_quota_that_refuses_the_pod(home, shop, quota):
    quota(pods=0)
    home.backup("no-pods", shop.namespace)
    _, _, message = home.wait("Backup", "no-pods", "Complete", "False", "QuotaExceeded")
    assert "tight" in message
    lift(home)
    home.wait("Backup", "no-pods", "Complete", "True")


def test_an_account_that_does_not_exist(home, shop):
    home.backup("nobodys", shop.namespace, serviceAccountName="latecomer")
    _, _, message = home.wait("Backup", "nobodys", "Complete", "False", "NoServiceAccount")
    assert "latecomer" in message
    home.kubectl("create", "serviceaccount", "latecomer")
    # It has no rights: a second cause, told once the first one is gone.
    _, _, message = home.wait("Backup", "nobodys", "Failed", "True", "Forbidden")
    assert "latecomer" in message


def test_the_cause_of_a_plans_run_without_rights(home, shop):
    home.kubectl("create", "serviceaccount", "powerless")
    home.plan("powerless", shop.namespace, serviceAccountName="powerless")
    home.run_by_hand("powerless", "plan-powerless-run-1")
    _, _, message = home.wait("BackupPlan", "powerless", "Healthy", "False", "Forbidden")
    assert "powerless" in message


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
    # What the controller has scheduled it brings to the image that it has itself.
    until(lambda: UNKNOWN not in str(home.get("CronJob", "plan-unknown-image")))
    home.delete("Job", "plan-unknown-image-run-1")
    home.wait("BackupPlan", "unknown-image", "Healthy", "False", "JobDeleted")
