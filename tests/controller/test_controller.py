"""The whole controller, with just its own rights, beside a real API server. Pods do not run here: tests write their status."""

import datetime as dt
import json
import time

import pytest
from tests.controller.lab import Controller, Objects, account, define, make_home, wait_for
from tests.controller.stage import location, plan, request

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def kubeconfig(cluster):
    define(cluster)
    make_home(cluster)
    return account(cluster)


@pytest.fixture
def start(kubeconfig):
    """Starts a replica; all end with the test."""
    started = []

    def begin(identity="one", **options):
        started.append(Controller(kubeconfig, identity, **options).start())
        return started[-1]

    yield begin
    for one in started:
        one.stop()


@pytest.fixture
def controller(start):
    one = start()
    wait_for(lambda: one.leads)
    return one


@pytest.fixture
def shop(cluster, namespace):
    objects = Objects(cluster, namespace)
    cluster.api.create(
        f"/api/v1/namespaces/{namespace}/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "holdfast-runner"}},
    )
    objects.create(location())
    return objects


def end_pod(objects, job, outcome="done", exit_code=0, **report):
    """What kubelet would write of a pod that ended."""
    pods = wait_for(lambda: [pod for pod in objects.list("Pod") if pod["metadata"]["labels"].get("job-name") == job])
    now = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    message = json.dumps({"outcome": outcome, "exitCode": exit_code, "finishedAt": now, **report})
    ended = {"exitCode": exit_code, "reason": "Completed", "message": message, "startedAt": now, "finishedAt": now}
    container = {"name": "holdfast", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {
        "phase": "Succeeded" if exit_code == 0 else "Failed",
        "containerStatuses": [{**container, "state": {"terminated": ended}}],
    }
    objects.put_status("Pod", pods[-1]["metadata"]["name"], status)


def job_of(objects, role):
    jobs = wait_for(
        lambda: [one for one in objects.list("Job") if one["metadata"]["labels"]["holdfast.dev/role"] == role]
    )
    return jobs[0]["metadata"]["name"]


@pytest.mark.usefixtures("controller")
class TestOne:
    def test_a_plan_becomes_a_cron_job_that_kubernetes_takes(self, shop):
        shop.create(plan(retention={"keepLast": 3}))
        wait_for(lambda: shop.get("CronJob", "plan-nightly"))
        shop.wait_condition("BackupPlan", "nightly", "Ready", "True")
        shop.edit("BackupPlan", "nightly", schedule="30 4 * * *", suspend=True)
        wait_for(lambda: shop.get("CronJob", "plan-nightly")["spec"]["schedule"] == "30 4 * * *")
        assert shop.get("CronJob", "plan-nightly")["spec"]["suspend"] is True

    def test_a_cron_job_that_somebody_deleted_comes_back(self, shop):
        shop.create(plan())
        first = wait_for(lambda: shop.get("CronJob", "plan-nightly"))["metadata"]["uid"]
        shop.delete("CronJob", "plan-nightly")
        wait_for(
            lambda: (shop.get("CronJob", "plan-nightly") or {"metadata": {"uid": first}})["metadata"]["uid"] != first
        )

    def test_a_location_is_tried_and_ready(self, shop):
        end_pod(shop, job_of(shop, "test"), id="repository", counts={"backups": 2})
        shop.wait_condition("StorageLocation", "main", "Ready", "True", "Tested")
        assert shop.get("StorageLocation", "main")["status"]["backups"] == 2

    def test_a_wrong_key_is_named(self, shop):
        error = {"what": "the store refused", "why": "no such key", "next": "Check the Secret."}
        end_pod(shop, job_of(shop, "test"), "failed", 2, reason="StoreRefused", errors=[error])
        _, _, message = shop.wait_condition("StorageLocation", "main", "Ready", "False", "StoreRefused")
        assert "no such key" in message

    def test_a_backup_runs_and_is_complete(self, shop):
        shop.create(request(labels={"who": "me"}))
        job = job_of(shop, "backup")
        wait_for(lambda: (shop.get("Backup", "before").get("status") or {}).get("phase") == "Pending")
        end_pod(shop, job, id="abc", name="before-1", counts={"objects": 12})
        shop.wait_condition("Backup", "before", "Complete", "True", "Done")
        status = shop.get("Backup", "before")["status"]
        assert (status["phase"], status["run"]["counts"]) == ("Done", {"objects": 12})
        events = wait_for(lambda: [one for one in shop.list("Event") if one["reason"] == "BackupDone"])
        assert events[0]["involvedObject"]["name"] == "before"

    def test_a_wrong_password_ends_without_another_try(self, shop):
        shop.create(request())
        end_pod(shop, job_of(shop, "backup"), "failed", 12, reason="WrongPassword", errors=[{"what": "wrong password"}])
        shop.wait_condition("Backup", "before", "Failed", "True", "WrongPassword")
        assert len([pod for pod in shop.list("Pod") if "backup" in pod["metadata"]["name"]]) == 1

    def test_a_restore_runs(self, shop):
        shop.create(request("Restore", "again", wait=True))
        end_pod(shop, job_of(shop, "restore"), id="run-1", verb="restore run")
        shop.wait_condition("Restore", "again", "Complete", "True", "Done")

    def test_a_copied_backup_does_not_run(self, shop):
        copy = request()
        copy["metadata"]["annotations"] = {"holdfast.dev/uid": "another"}
        shop.create(copy)
        shop.wait_condition("Backup", "before", "Failed", "True", "Copied")
        assert not [job for job in shop.list("Job") if "backup" in job["metadata"]["name"]]

    def test_a_missing_account_is_named(self, shop):
        shop.create(request(serviceAccountName="nobody"))
        _, _, message = shop.wait_condition("Backup", "before", "Complete", "False", "NoServiceAccount")
        assert "nobody" in message

    def test_a_quota_is_named_and_what_it_held_back_comes_when_it_is_gone(self, cluster, shop):
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
        path = f"/api/v1/namespaces/{shop.namespace}/resourcequotas"
        cluster.api.create(path, {**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})
        wait_for(lambda: cluster.api.request("GET", f"{path}/none").get("status", {}).get("hard"))
        shop.create(request("Restore", "again"))
        shop.wait_condition("Restore", "again", "Complete", "False", "QuotaExceeded")
        cluster.api.request("DELETE", f"{path}/none")
        assert job_of(shop, "restore")

    def test_a_quota_of_pods_is_found_in_events(self, cluster, shop):
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
        path = f"/api/v1/namespaces/{shop.namespace}/resourcequotas"
        cluster.api.create(path, {**quota, "spec": {"hard": {"pods": "0"}}})
        wait_for(lambda: cluster.api.request("GET", f"{path}/none").get("status", {}).get("hard"))
        shop.create(request())
        _, _, message = shop.wait_condition("Backup", "before", "Complete", "False", "QuotaExceeded")
        assert "exceeded quota" in message

    def test_the_data_goes_only_if_that_is_wanted(self, shop):
        shop.create(request(deletionPolicy="Delete"))
        end_pod(shop, job_of(shop, "backup"), id="abc")
        shop.wait_condition("Backup", "before", "Complete", "True")
        shop.delete("Backup", "before")
        job = job_of(shop, "delete")
        assert "abc" in shop.get("Job", job)["spec"]["template"]["spec"]["containers"][0]["args"]
        assert shop.get("Backup", "before")
        end_pod(shop, job)
        wait_for(lambda: shop.get("Backup", "before") is None)

    def test_a_namespace_that_is_deleted_keeps_its_data_and_ends(self, cluster, shop):
        shop.create(request(deletionPolicy="Delete"))
        end_pod(shop, job_of(shop, "backup"), id="abc")
        shop.wait_condition("Backup", "before", "Complete", "True")
        cluster.api.request("DELETE", f"/api/v1/namespaces/{shop.namespace}")
        wait_for(lambda: not cluster.api.exists(f"/api/v1/namespaces/{shop.namespace}"))

    def test_a_scheduled_run_is_noted(self, shop):
        shop.create(plan(schedule="* * * * *"))
        job = wait_for(
            lambda: [one for one in shop.list("Job") if one["metadata"]["name"].startswith("plan-nightly-")], 90
        )
        end_pod(shop, job[0]["metadata"]["name"], id="abc", counts={"objects": 7})
        shop.wait_condition("BackupPlan", "nightly", "Healthy", "True", "LastRunDone")
        last = shop.get("BackupPlan", "nightly")["status"]["lastRun"]
        assert last["counts"] == {"objects": 7}
        assert last["scheduledAt"].endswith(":00Z")


class TestTwo:
    def test_one_works_and_the_other_one_takes_over_at_once(self, start, shop):
        first = start("first")
        wait_for(lambda: first.leads)
        second = start("second")
        time.sleep(1)
        assert not second.leads
        first.stop()
        wait_for(lambda: second.leads, 20)
        shop.create(plan())
        wait_for(lambda: shop.get("CronJob", "plan-nightly"))

    def test_what_happened_while_no_controller_was_there_is_noted(self, start, shop):
        first = start("first")
        wait_for(lambda: first.leads)
        shop.create(request())
        job = job_of(shop, "backup")
        first.stop()
        end_pod(shop, job, id="abc")
        start("second")
        shop.wait_condition("Backup", "before", "Complete", "True", "Done")


class TestQuiet:
    PLANS = 20

    def versions(self, shop):
        """Of all that the controller may write."""
        kinds = ("BackupPlan", "StorageLocation", "CronJob")
        found = {(kind, one["metadata"]["name"]): one["metadata"] for kind in kinds for one in shop.list(kind)}
        return {name: metadata["resourceVersion"] for name, metadata in found.items()} | {
            "events": len(shop.list("Event"))
        }

    def settled(self, one, shop):
        """The versions, once nothing was decided for a second."""
        decided = -1
        while (now := one.decisions()) != decided:
            decided = now
            time.sleep(1)
        return self.versions(shop)

    def test_nothing_is_written_once_all_is_as_wanted_and_nothing_by_a_restart(self, start, shop):
        first = start("first")
        end_pod(shop, job_of(shop, "test"), id="repository", counts={"backups": 2})
        shop.wait_condition("StorageLocation", "main", "Ready", "True", "Tested")
        for number in range(self.PLANS):
            shop.create(plan(f"plan-{number}", schedule="0 4 1 1 *", retention={"keepDaily": 7}))
        for number in range(self.PLANS):
            shop.wait_condition("BackupPlan", f"plan-{number}", "Ready", "True", "Scheduled")
        before = self.settled(first, shop)
        assert len(before) == 2 * self.PLANS + 2  # with the location, and the number of Events
        first.stop()
        second = start("second")
        wait_for(lambda: second.leads and second.decisions() > self.PLANS)
        assert self.settled(second, shop) == before
