"""An installation with a real controller, which has the account that was made for it: install, plan, uninstall, install again."""

import pytest
from tests.controller.lab import Controller, Objects, wait_for
from tests.controller.stage import location, plan
from tests.installation.conftest import IMAGE

pytestmark = pytest.mark.cluster


@pytest.fixture
def start(kubeconfig_of):
    """Starts a controller, as a pod of the Deployment would. It ends with the test."""
    started = []

    def begin():
        started.append(Controller(kubeconfig_of("holdfast/holdfast-controller")).start())
        wait_for(lambda: started[-1].leads)
        return started[-1]

    yield begin
    for one in started:
        one.cancel.request()


@pytest.fixture
def shop(bare_cluster, make_namespace):
    return Objects(bare_cluster, make_namespace(within=bare_cluster))


@pytest.mark.usefixtures("installed")
def test_a_paused_plan_goes_on_after_the_next_installation(holdfast, start, shop):
    shop.create(location())
    shop.create(plan())
    first = start()
    wait_for(lambda: shop.get("CronJob", "plan-nightly"))
    shop.wait_condition("BackupPlan", "nightly", "Ready", "True")
    first.stop()
    holdfast("uninstall", "--pause-plans")
    assert shop.get("CronJob", "plan-nightly")["spec"]["suspend"]
    holdfast("install", "--image", IMAGE)
    second = start()
    wait_for(lambda: not shop.get("CronJob", "plan-nightly")["spec"]["suspend"])
    second.stop()
    assert not shop.get("BackupPlan", "nightly")["spec"].get("suspend")


@pytest.mark.usefixtures("installed")
def test_no_data_is_deleted_when_all_our_objects_go(holdfast, start, shop):
    """The controller answers the deletion of such a Backup with a Job that deletes data. Nobody may make one here."""
    shop.create(location())
    spec = {"location": "main", "namespaces": [shop.namespace], "deletionPolicy": "Delete"}
    body = {"apiVersion": "holdfast.dev/v1alpha1", "kind": "Backup", "metadata": {"name": "before"}, "spec": spec}
    shop.create(body)
    controller = start()
    wait_for(lambda: shop.get("Backup", "before")["metadata"].get("finalizers") == ["holdfast.dev/data"])
    controller.stop()
    holdfast("uninstall", "--with-definitions", "--yes")
    wait_for(lambda: not shop.list("Job"))
