"""A plan from its creation to its end, with the controller at work. Pods do not run: the test writes what one leaves."""

import threading

import pytest
from tests.controller.lab import HOME, Controller, Objects, account, define, wait_for
from tests.controller.stage import location
from tests.controller.test_controller import end_pod, job_of


@pytest.fixture
def controller(cluster):
    define(cluster)
    if not cluster.api.exists(f"/api/v1/namespaces/{HOME}"):
        cluster.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    one = Controller(account(cluster)).start()
    wait_for(lambda: one.leads)
    yield one
    one.stop()


@pytest.mark.usefixtures("controller")
def test_from_its_creation_to_its_end(holdfast, cluster, namespace):
    objects = Objects(cluster, namespace)
    account_of_runs = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "holdfast-runner"}}
    cluster.api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", account_of_runs)
    objects.create(location())
    program = holdfast.but(KUBECONFIG=cluster.kubeconfig)
    plan = f"{namespace}/nightly"

    made = program("plan", "create", plan, "--schedule", "daily", "--location", "main", "-n", namespace)
    assert "has no location" not in made.err
    cron_job = wait_for(lambda: objects.get("CronJob", "plan-nightly"))
    assert f"as `{cron_job['spec']['schedule']}`" in made.out

    ending = threading.Thread(
        target=lambda: end_pod(objects, job_of(objects, "backup"), name="nightly-1", counts={"objects": 7})
    )
    ending.start()
    done = program("plan", "run", plan, "--wait")
    ending.join()
    assert "The run nightly-1 is done, 7 objects" in done.out

    def recent():
        return program("plan", "show", plan, "-o", "json").document["recent"]

    wait_for(lambda: [run["outcome"] for run in recent()] == ["done"])
    [run] = recent()
    assert (run["name"], run["scheduledAt"]) == ("nightly-1", "")
    assert " hand " in program("plan", "show", plan).out

    program("plan", "pause", plan)
    wait_for(lambda: objects.get("CronJob", "plan-nightly")["spec"]["suspend"])
    assert program("plan", "list", "--in", namespace, "-o", "json").document[0]["state"] == "paused"
    program("plan", "resume", plan)
    wait_for(lambda: not objects.get("CronJob", "plan-nightly")["spec"]["suspend"])

    program("plan", "delete", plan, "--yes")
    wait_for(lambda: objects.get("CronJob", "plan-nightly") is None)
